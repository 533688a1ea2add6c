"""One picture's pixels with the channels it has: by Pillow, and where that cannot, by tifffile."""

import numpy as np

from nablagan.data.decode import BadFile, read_header, read_picture
from nablagan.data.fitting import with_channels
from nablagan.data.tiff import is_tiff, read_tiff, tiff_shape

_USUAL = (None, 1, 3)
"""Channels that Pillow's pictures have."""


def picture_shape(data: bytes, asked: int | None) -> tuple[int, int, int]:
    """(channels, height, width) of a picture, as shown; `asked` are the channels wanted of it. Raises BadFile."""
    if asked not in _USUAL:
        return tiff_shape(_as_tiff(data, asked))
    try:
        header = read_header(data)
    except BadFile:
        if not is_tiff(data):
            raise
        return tiff_shape(data)
    return (1 if header.is_grey else 3, *header.size)


def picture_pixels(data: bytes, channels: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8 (C, H, W) of a picture, upright, and what had to be converted. Raises BadFile."""
    if channels not in _USUAL:
        return read_tiff(_as_tiff(data, channels)), ()
    try:
        image, _, conversions = read_picture(data)
    except BadFile:
        if not is_tiff(data):
            raise
        return read_tiff(data), ()
    pixels = np.asarray(image)
    return (pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)), conversions


def brought_to(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(channels, H, W): grey to colour, colour to grey; BadFile where that is no question of colour."""
    if len(pixels) != channels and {len(pixels), channels} != {1, 3}:
        raise BadFile(f"of {len(pixels)} channels, not {channels}")
    return with_channels(pixels[None], channels)[0]


def _as_tiff(data: bytes, channels: int | None) -> bytes:
    if not is_tiff(data):
        raise BadFile(f"no TIFF, which alone has {channels} channels")
    return data
