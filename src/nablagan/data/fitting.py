"""Brings one picture, or a block of equal ones, to the policy's size and channels."""

from typing import NamedTuple

import numpy as np
import PIL
from PIL import Image

from nablagan.data.policy import Policy

PIXELS_VERSION = f"1 {PIL.__version__}"
"""Part of the cache's keys: another decoder or resampler may give other pixels."""
Box = tuple[float, float, float, float]


class Placement(NamedTuple):
    """Read `box` of the picture, scale it to `size` (width, height), put it at `corner` (left, top)."""

    box: Box
    size: tuple[int, int]
    corner: tuple[int, int]


def placement(width: int, height: int, policy: Policy) -> Placement:
    """Where a width x height picture goes under the policy's fit."""
    return _PLACEMENTS[policy.fit](width, height, policy.width, policy.height)


def fit_picture(picture: Image.Image, policy: Policy) -> np.ndarray:
    """uint8 (C, height, width) of a picture in mode L or RGB; smooth scaling, black where nothing is."""
    mode = "L" if policy.channels == 1 else "RGB"
    picture = picture if picture.mode == mode else picture.convert(mode)
    pixels = np.asarray(_placed(picture, placement(*picture.size, policy), policy))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def fit_block(images: np.ndarray, policy: Policy) -> np.ndarray:
    """uint8 (n, policy channels, policy height, policy width) of equal images uint8 (n, c, h, w)."""
    images = with_channels(images, policy.channels)
    count, channels, height, width = images.shape
    if (height, width) == (policy.height, policy.width):
        return np.ascontiguousarray(images)
    where = placement(width, height, policy)
    result = np.zeros((count, channels, policy.height, policy.width), np.uint8)
    if where.size == (width, height) and where.box == (0, 0, width, height):
        left, top = where.corner
        result[:, :, top : top + height, left : left + width] = images
        return result
    for index in range(count):
        for channel in range(channels):
            plane = Image.fromarray(np.ascontiguousarray(images[index, channel]))
            result[index, channel] = np.asarray(_placed(plane, where, policy))
    return result


def _placed(picture: Image.Image, where: Placement, policy: Policy) -> Image.Image:
    if where.size != picture.size or where.box != (0, 0, *picture.size):
        picture = picture.resize(where.size, Image.Resampling.LANCZOS, box=where.box, reducing_gap=3.0)
    if where.size == (policy.width, policy.height):
        return picture
    canvas = Image.new(picture.mode, (policy.width, policy.height))
    canvas.paste(picture, where.corner)
    return canvas


def _crop(width: int, height: int, new_width: int, new_height: int) -> Placement:
    scale = min(width / new_width, height / new_height)
    used_width, used_height = new_width * scale, new_height * scale
    left, top = (width - used_width) / 2, (height - used_height) / 2
    box = (max(left, 0.0), max(top, 0.0), min(left + used_width, width), min(top + used_height, height))
    return Placement(box, (new_width, new_height), (0, 0))


def _pad(width: int, height: int, new_width: int, new_height: int) -> Placement:
    return _inside(width, height, new_width, new_height, min(new_width / width, new_height / height))


def _border(width: int, height: int, new_width: int, new_height: int) -> Placement:
    return _inside(width, height, new_width, new_height, min(new_width / width, new_height / height, 1.0))


def _stretch(width: int, height: int, new_width: int, new_height: int) -> Placement:
    return Placement((0, 0, width, height), (new_width, new_height), (0, 0))


def _inside(width: int, height: int, new_width: int, new_height: int, scale: float) -> Placement:
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    corner = ((new_width - size[0]) // 2, (new_height - size[1]) // 2)
    return Placement((0, 0, width, height), size, corner)


_PLACEMENTS = {"crop": _crop, "pad": _pad, "stretch": _stretch, "border": _border}


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (n, channels, h, w) of images of 1 or 3 channels; the luma of ITU-R 601 where colour turns grey."""
    if images.shape[1] == channels:
        return images
    if images.shape[1] == 1:
        return np.repeat(images, channels, axis=1)
    assert (images.shape[1], channels) == (3, 1), "the policy allows no other change"
    weights = np.array([299, 587, 114], np.uint32).reshape(1, 3, 1, 1)  # as Pillow's mode L
    return (((images * weights).sum(axis=1, keepdims=True) + 500) // 1000).astype(np.uint8)
