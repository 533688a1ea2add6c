""".npy and .npz: layouts, value ranges, labels, and no pickle."""

import io
import os
import zipfile

import numpy as np
import pytest

from data.making import channels_first, photo
from nablagan.data import open_dataset
from nablagan.types import InputError

IMAGES = np.stack([channels_first(photo(16, 16, seed=seed)) for seed in range(9)])
GREY = IMAGES[:, 0]


class Planted:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def opened(tmp_path, array, **options):
    np.save(tmp_path / "set.npy", array)
    return open_dataset(tmp_path / "set.npy", **options)


def opened_npz(tmp_path, compressed=True, **arrays):
    (np.savez_compressed if compressed else np.savez)(tmp_path / "set.npz", **arrays)
    return open_dataset(tmp_path / "set.npz")


@pytest.mark.parametrize(
    ("array", "layout", "expected"),
    [
        (IMAGES, "NCHW", IMAGES),
        (IMAGES.transpose(0, 2, 3, 1), "NHWC", IMAGES),
        (np.asfortranarray(IMAGES), "NCHW", IMAGES),
        (GREY, "NHW", GREY[:, None]),
        (GREY[..., None], "NHWC", GREY[:, None]),
        (GREY[:, None], "NCHW", GREY[:, None]),
    ],
)
def test_layouts(tmp_path, array, layout, expected):
    dataset = opened(tmp_path, array)
    np.testing.assert_array_equal(dataset.samples, expected)
    assert dataset.description["layout"] == layout
    assert dataset.samples.flags.writeable
    assert (dataset.name, dataset.labels) == ("set", None)


@pytest.mark.parametrize(
    ("array", "meaning"),
    [
        (GREY, "0 to 255"),
        (GREY.astype(np.int64), "0 to 255"),
        (GREY.astype(np.uint16), "0 to 255"),
        (GREY.astype(np.uint16) * 257, "0 to 65535"),
        (GREY.astype(">u2") * 257, "0 to 65535"),
        (GREY / 255, "[0, 1]"),
        ((GREY / 255).astype(np.float32), "[0, 1]"),
        ((GREY / 255).astype(np.float16), "[0, 1]"),
        (GREY / 127.5 - 1, "[-1, 1]"),
        ((GREY / 127.5 - 1).astype(np.float32), "[-1, 1]"),
    ],
)
def test_ranges_of_values(tmp_path, array, meaning):
    dataset = opened(tmp_path, array)
    np.testing.assert_array_equal(dataset.samples[:, 0], GREY)
    assert dataset.description["values"] == meaning


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_two_values_are_black_and_white(tmp_path, kind):
    dataset = opened(tmp_path, (GREY > 127).astype(kind))
    np.testing.assert_array_equal(dataset.samples[:, 0], (GREY > 127) * 255)
    assert dataset.description["values"] in ("0 and 1", "false and true")


def test_all_black_stays_black(tmp_path):
    assert not opened(tmp_path, np.zeros((8, 8, 8), np.uint8)).samples.any()


with_nan = IMAGES / 255
with_nan[4, 1, 2, 3] = np.nan
with_infinity = IMAGES / 255
with_infinity[7, 0, 0, 0] = np.inf


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (IMAGES * 1.0, r"float64 values from \d+ to \d+, not \[0, 1\]"),
        (IMAGES.astype(np.int16) - 300, "int16 values from"),
        (IMAGES / 255 - 0.3, "float64 values"),
        (with_nan, "NaN or infinity, first in sample 4; remove"),
        (with_infinity, "NaN or infinity, first in sample 7"),
        (IMAGES.astype(complex), "complex128 values; save images as uint8"),
        (IMAGES.astype("U3"), "<U3 values"),
        (np.zeros((9, 16)), r"shape \(9, 16\); images are"),
        (np.zeros((9, 3, 4, 16, 16)), "shape"),
        (np.float32(3), r"shape \(\); images are"),
        (np.zeros((0, 16, 16)), "holds 0 usable samples"),
        (np.zeros((1, 16, 16)), "holds 1 usable sample;"),
        (np.zeros((9, 0, 16), np.uint8), r"has shape \(9, 0, 16\)"),
        (np.zeros((9, 70, 72, 71), np.uint8), "at most 64 channels"),
        (np.zeros(9, [("a", "u1"), ("b", "f4")]), "shape"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, array, words):
    with pytest.raises(InputError, match=words) as caught:
        opened(tmp_path, array)
    assert "\n" not in str(caught.value)


def test_points(tmp_path):
    points = np.random.default_rng(0).normal(size=(50, 2))
    dataset = opened(tmp_path, points)
    assert dataset.samples.dtype == np.float32
    np.testing.assert_array_equal(dataset.samples, points.astype(np.float32))
    assert (dataset.description["kind"], dataset.description["shape"]) == ("points", [2])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_points_beyond_float32_are_refused(tmp_path, value):
    points = np.zeros((50, 2))
    points[9, 1] = value
    with pytest.raises(InputError, match="NaN or infinity, first in sample 9"):
        opened(tmp_path, points)


def test_points_have_no_resolution(tmp_path):
    with pytest.raises(InputError, match="points, which have no resolution"):
        opened(tmp_path, np.zeros((50, 2)), resolution=32)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("image_key", "label_key"), [("images", "labels"), ("x", "y"), ("x_train", "y_train"), ("arr_0", "arr_1")]
)
def test_npz_names(tmp_path, compressed, image_key, label_key):
    labels = np.arange(9) % 3 + 5
    dataset = opened_npz(tmp_path, compressed, **{image_key: IMAGES, label_key: labels, "other": np.zeros(3)})
    np.testing.assert_array_equal(dataset.samples, IMAGES)
    np.testing.assert_array_equal(dataset.labels, np.arange(9) % 3)
    assert dataset.classes == ("5", "6", "7")
    assert dataset.description["class_counts"] == {"5": 3, "6": 3, "7": 3}


@pytest.mark.parametrize(
    ("labels", "classes", "index"),
    [
        (np.array(["dog", "cat", "dog"] * 3), ("cat", "dog"), [1, 0, 1] * 3),
        (np.array([b"b", b"a", b"\xff"] * 3), ("a", "b", "\ufffd"), [1, 0, 2] * 3),
        (np.arange(9)[:, None] % 2, ("0", "1"), [0, 1] * 4 + [0]),
        (np.arange(9) % 2 == 0, ("False", "True"), [1, 0] * 4 + [1]),
    ],
)
def test_labels_of_several_kinds(tmp_path, labels, classes, index):
    dataset = opened_npz(tmp_path, images=IMAGES, labels=labels)
    assert dataset.classes == classes
    assert dataset.labels.tolist() == index
    assert dataset.labels.dtype == np.int64


def test_one_class_is_no_class(tmp_path):
    dataset = opened_npz(tmp_path, images=IMAGES, labels=np.zeros(9, int))
    assert (dataset.labels, dataset.classes) == (None, ())


@pytest.mark.parametrize("labels", [np.zeros(8, int), np.eye(9), np.zeros(9), np.int64(3)])
def test_labels_that_do_not_fit_are_refused(tmp_path, labels):
    with pytest.raises(InputError, match="labels of shape"):
        opened_npz(tmp_path, images=IMAGES, labels=labels)


def test_an_npz_without_images_names_what_it_holds(tmp_path):
    with pytest.raises(InputError, match="no array named images, x, x_train, arr_0 but pixels, what; rename"):
        opened_npz(tmp_path, pixels=IMAGES, what=GREY)
    with pytest.raises(InputError, match=r"shape \(\)"):
        opened_npz(tmp_path, images=np.float32(3), labels=np.zeros(9, int))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_pickle_is_never_run(tmp_path, suffix):
    planted = np.empty(9, object)
    planted[:] = [Planted(tmp_path / "executed")] * 9
    path = tmp_path / f"set.{suffix}"
    np.save(path, planted, allow_pickle=True) if suffix == "npy" else np.savez(path, images=planted)
    with pytest.raises(InputError, match="without pickle"):
        open_dataset(path)
    assert not (tmp_path / "executed").exists()


def npy_with_header(header):
    data = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


HEADERS = [
    "{'descr': '|u1', 'fortran_order': False, 'shape': (9, 16, 16), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (999999999999, 16, 16), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 16), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (-9, -16, 16), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (9,), }",
    "{'descr': 'what', 'fortran_order': False, 'shape': (9,), }",
    "{'descr': ",
    "(" * 90,
    "__import__('os').system('x')",
    "'''",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_headers_that_lie_are_refused(tmp_path, header, suffix):
    path = tmp_path / f"set.{suffix}"
    path.write_bytes(npy_with_header(header))
    if suffix == "npz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", npy_with_header(header))
    with pytest.raises(InputError, match="cannot be read") as caught:
        open_dataset(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_refused_or_read(tmp_path, compressed):
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, images=GREY, labels=np.arange(9))
    whole, random = stream.getvalue(), np.random.default_rng(0)
    path, refused = tmp_path / "set.npz", 0
    for trial in range(100):
        data = bytearray(whole)
        for place in random.integers(0, len(data) if trial % 2 else 200, 2):
            data[place] ^= int(random.integers(1, 256))
        path.write_bytes(data[: len(data) * 9 // 10] if trial % 10 == 0 else data)
        try:
            np.testing.assert_array_equal(open_dataset(path).samples[:, 0], GREY)
        except InputError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_a_cut_npy_is_refused(tmp_path, percent):
    np.save(tmp_path / "set.npy", GREY)
    data = (tmp_path / "set.npy").read_bytes()
    (tmp_path / "set.npy").write_bytes(data[: len(data) * percent // 100])
    with pytest.raises(InputError, match="cannot be read"):
        open_dataset(tmp_path / "set.npy")


def test_an_npz_past_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nablagan.data.array_files.fits_in_memory", lambda size: False)
    with pytest.raises(InputError, match="larger than a quarter of the memory; save it"):
        opened_npz(tmp_path, images=IMAGES)
