"""TIFF files that Pillow cannot read. Oracle: the array that tifffile wrote."""

import sys
from io import BytesIO

import numpy as np
import pytest

from nablagan.data.decode import BadFile
from nablagan.data.tiff import is_tiff, read_tiff, tiff_shape

tifffile = pytest.importorskip("tifffile")


def written(values, **options):
    stream = BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("u1", lambda v: v * 255), ("u2", lambda v: v * 255), ("f4", lambda v: v * 255), ("f8", lambda v: v * 255)],
)
@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 3), (5, 9, 12)])
def test_channels_first_in_bytes(shape, dtype, expected):
    values = np.random.default_rng(0).random(shape)
    largest = {"u1": 255, "u2": 65535}.get(dtype)
    stored = np.rint(values * largest).astype(dtype) if largest else values.astype(dtype)
    data = written(stored, photometric="rgb" if shape[-1] == 3 else "minisblack")
    channels_first = values.transpose(2, 0, 1) if shape[-1] == 3 else values.reshape(-1, 9, 12)
    assert is_tiff(data)
    assert tiff_shape(data) == channels_first.shape
    found = read_tiff(data)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected(channels_first), atol=0.51)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((8, 8), 2.0, np.float32), r"floats outside \[0, 1\]"),
        (np.full((8, 8), np.nan, np.float32), r"floats outside \[0, 1\]"),
        (np.zeros((8, 8), np.int32), "pixel type int32"),
        (np.zeros((2, 3, 8, 8), np.uint8), "TIFF with the axes"),
        (np.zeros((65, 8, 8), np.uint8), "more than 64 channels"),
    ],
)
def test_what_is_no_picture(values, reason):
    with pytest.raises(BadFile, match=reason):
        read_tiff(written(values, photometric="minisblack"))


def test_damaged_bytes():
    data = written(np.zeros((5, 9, 12), np.uint8), photometric="minisblack")
    for cut in (4, 40, 200, 700):
        with pytest.raises(BadFile):
            read_tiff(data[:cut])
    assert not is_tiff(b"\x89PNG")


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(BadFile, match=r"pip install 'nablagan\[tiff\]'"):
        tiff_shape(b"II*\0")
