"""TIFF files beyond Pillow: floats in colour, more than four channels (extra `tiff`)."""

import logging
from io import BytesIO
from typing import Any

import numpy as np

from nablagan.data.decode import LARGEST_PIXEL_COUNT, BadFile
from nablagan.data.policy import LARGEST_CHANNEL_COUNT

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF or BigTIFF begins."""


def is_tiff(data: bytes) -> bool:
    """True for the first bytes of a TIFF."""
    return data[:4] in MAGIC


def tiff_shape(data: bytes) -> tuple[int, int, int]:
    """(channels, height, width) of a TIFF's first series; BadFile for what are no channels of one picture."""
    return _with_tifffile(data, lambda series: _channels_first(series.shape, series.axes))


def read_tiff(data: bytes) -> np.ndarray:
    """uint8 (channels, height, width) of a TIFF's first series: 8 or 16 bits, or floats in [0, 1]. Raises BadFile."""

    def pixels(series: Any) -> np.ndarray:
        channels, height, width = _channels_first(series.shape, series.axes)
        values = np.asarray(series.asarray())
        values = values.transpose(2, 0, 1) if series.axes.endswith("S") else values
        return _as_bytes(values.reshape(channels, height, width))

    return _with_tifffile(data, pixels)


def _with_tifffile(data: bytes, function: Any) -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise BadFile("this kind of TIFF needs pip install 'nablagan[tiff]'") from error
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it finds odd in a file is counted, or does no harm
    try:
        with tifffile.TiffFile(BytesIO(data)) as file:
            return function(file.series[0])
    except BadFile:
        raise
    except (
        Exception
    ) as error:  # a parser of hostile bytes, and codecs that are not installed: ValueError, KeyError, ...
        raise BadFile("damaged TIFF, or a compression that tifffile lacks") from error


def _channels_first(shape: tuple[int, ...], axes: str) -> tuple[int, int, int]:
    if len(shape) == 2:
        found = (1, *shape)
    elif len(shape) == 3 and axes.endswith("YXS"):
        found = (shape[2], *shape[:2])
    elif len(shape) == 3 and axes.endswith("YX"):
        found = shape
    else:
        raise BadFile(f"TIFF with the axes {axes}")
    if found[0] > LARGEST_CHANNEL_COUNT:
        raise BadFile(f"more than {LARGEST_CHANNEL_COUNT} channels")
    if found[1] * found[2] > LARGEST_PIXEL_COUNT:
        raise BadFile("too many pixels")
    return found[0], found[1], found[2]


def _as_bytes(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype.kind != "f":
        raise BadFile(f"pixel type {values.dtype}")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadFile("floats outside [0, 1]")
    return np.rint(values * 255).astype(np.uint8)
