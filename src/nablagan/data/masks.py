"""What is missing from an image that is to be completed: boxes, strokes of three widths, sides, a mixture, a file.

A kind of mask is a function `(random, height, width) -> bool (height, width)`, True where pixels are missing. It leaves
at least one pixel known and at least one missing, where there are two; a single pixel is missing.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from nablagan.data.decode import BadFile, decode, read_header
from nablagan.data.policy import Policy
from nablagan.types import InputError

Random = np.random.Generator
Kind = Callable[[Random, int, int], np.ndarray]
THRESHOLD = 127
"""Lighter pixels of a mask's file are missing."""
MOST_MISSING = 0.5
"""The part of a side that `outpainting` takes away at most."""
_STREAM = 20_261_130


class Strokes(NamedTuple):
    """Bent lines with round ends; lengths in parts of the image's shorter side, (least, most) of uniform draws."""

    lines: tuple[int, int]
    bends: tuple[int, int]
    length: tuple[float, float]
    """Of the straight piece between two bends."""
    width: tuple[float, float]


THIN = Strokes(lines=(2, 6), bends=(1, 5), length=(0.1, 0.5), width=(0.015, 0.06))
MEDIUM = Strokes(lines=(2, 5), bends=(1, 4), length=(0.1, 0.5), width=(0.06, 0.16))
THICK = Strokes(lines=(1, 4), bends=(1, 4), length=(0.15, 0.5), width=(0.2, 0.4))


def box(random: Random, height: int, width: int) -> np.ndarray:
    """One rectangle, each side uniform from a quarter to three fifths of the image's: 18 % is missing in the mean."""
    mask = np.zeros((height, width), bool)
    (top, bottom), (left, right) = (_interval(random, side, 0.25, 0.6) for side in (height, width))
    mask[top:bottom, left:right] = True
    return _with_both(mask, random)


def thin(random: Random, height: int, width: int) -> np.ndarray:
    """Strokes as of a pen: 7 % is missing in the mean; more below 32 pixels a side."""
    return strokes(random, height, width, THIN)


def medium(random: Random, height: int, width: int) -> np.ndarray:
    """Strokes as of a brush: 18 % is missing in the mean."""
    return strokes(random, height, width, MEDIUM)


def thick(random: Random, height: int, width: int) -> np.ndarray:
    """Strokes as of a roller: 36 % is missing in the mean."""
    return strokes(random, height, width, THICK)


def strokes(random: Random, height: int, width: int, settings: Strokes) -> np.ndarray:
    """Bent lines as free-form inpainting uses them (Yu et al. 2019, "Free-Form Image Inpainting", algorithm 1)."""
    # Unlike the paper: lengths are parts of the shorter side, so that a preset means the same at any size.
    page = Image.new("L", (width, height))
    draw = ImageDraw.Draw(page)
    for _ in range(random.integers(settings.lines[0], settings.lines[1] + 1)):
        _draw_stroke(draw, random, height, width, settings)
    return _with_both(np.array(page, bool), random)


def outpainting(random: Random, height: int, width: int) -> np.ndarray:
    """One to three sides are missing, together at most half of a height or width: 44 % in the mean.

    Two sides are as likely as one or three.
    """
    mask = np.zeros((height, width), bool)
    chosen = random.permutation(4)[: 1 + random.binomial(2, 0.5)]
    for side in chosen:
        across = height if side < 2 else width
        opposite = (side ^ 1) in chosen
        depth = max(1, round(random.uniform(0.1, MOST_MISSING / 2 if opposite else MOST_MISSING) * across))
        _SIDES[side](mask, depth)
    return _with_both(mask, random)


def random_mask(random: Random, height: int, width: int) -> np.ndarray:
    """Medium or thick strokes, or one to three boxes, half of each (LaMa: Suvorov et al. 2022, 2.3).

    29 % is missing in the mean.
    """
    if random.random() < 0.5:
        return (medium if random.random() < 0.5 else thick)(random, height, width)
    mask = np.zeros((height, width), bool)
    for _ in range(random.integers(1, 4)):
        mask |= box(random, height, width)
    return _with_both(mask, random)


def masks(
    count: int, height: int, width: int, kind: Kind = random_mask, seed: int = 0, position: int = 0, first: int = 0
) -> np.ndarray:
    """bool (count, 1, height, width): masks `first` ... of a batch at a position of the stream of draws.

    Each depends on (seed, position, its index in the batch) alone, so that processes that share a batch, and a batch
    of another size, see the same masks. Raises InputError for sides below 1.

    >>> whole = masks(4, 8, 8, box, seed=1)
    >>> bool((whole[2:] == masks(2, 8, 8, box, seed=1, first=2)).all())
    True
    """
    if min(height, width) < 1:
        raise InputError(f"masks of {height}x{width} pixels are not possible; give sides of at least 1")
    result = np.empty((count, 1, height, width), bool)
    for index in range(count):
        random = np.random.Generator(np.random.PCG64([_STREAM, seed, position, first + index]))
        result[index, 0] = kind(random, height, width)
    return result


KINDS: dict[str, Kind] = {kind.__name__: kind for kind in (box, thin, medium, thick, outpainting, random_mask)}  # type: ignore[attr-defined]
"""Every kind by its name, for a command line."""


def read_mask(path: str | os.PathLike[str], height: int, width: int) -> np.ndarray:
    """bool (height, width) from an image file: white is missing, black known; the line is at 127 of 255.

    A mask is never resized: InputError for another size than the image's, and for a file that is no image.
    """
    try:
        data = Path(path).read_bytes()
        size = read_header(data).size
        if size == (height, width):
            pixels = decode(data, Policy(height, width, 1, "crop", "mask")).pixels
            return pixels[0] > THRESHOLD
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the path") from error
    except BadFile as bad:
        raise InputError(
            f"{path} is no usable mask ({bad.reason}); give an image, white where pixels are missing"
        ) from bad
    raise InputError(
        f"{path} has {size[0]}x{size[1]} pixels (height x width), the image {height}x{width}; give a mask of its size"
    )


def _draw_stroke(draw: ImageDraw.ImageDraw, random: Random, height: int, width: int, settings: Strokes) -> None:
    side = min(height, width)
    thickness = max(1, round(random.uniform(*settings.width) * side))
    bends = random.integers(settings.bends[0], settings.bends[1] + 1)
    turns = random.uniform(-np.pi / 3, np.pi / 3, bends + 1)
    turns[0] = random.uniform(0, 2 * np.pi)
    lengths = random.uniform(*settings.length, bends + 1) * side
    start = random.uniform((0, 0), (width, height))
    angles = np.cumsum(turns)
    steps = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.concatenate([start[None], start + np.cumsum(steps, axis=0)])
    draw.line(points.ravel().tolist(), fill=1, width=thickness)
    if thickness > 2:
        for x, y in points.tolist():
            draw.ellipse((x - thickness / 2, y - thickness / 2, x + thickness / 2, y + thickness / 2), fill=1)


def _interval(random: Random, side: int, least: float, most: float) -> tuple[int, int]:
    """First and last but one pixel of a piece of a side."""
    length = min(side, max(1, round(random.uniform(least, most) * side)))
    start = int(random.integers(side - length + 1))
    return start, start + length


def _take_top(mask: np.ndarray, depth: int) -> None:
    mask[:depth] = True


def _take_bottom(mask: np.ndarray, depth: int) -> None:
    mask[-depth:] = True


def _take_left(mask: np.ndarray, depth: int) -> None:
    mask[:, :depth] = True


def _take_right(mask: np.ndarray, depth: int) -> None:
    mask[:, -depth:] = True


_SIDES = (_take_top, _take_bottom, _take_left, _take_right)


def _with_both(mask: np.ndarray, random: Random) -> np.ndarray:
    """The mask, with one pixel changed if all are alike: something must be known, and something missing."""
    if mask.all() or not mask.any():
        mask.flat[random.integers(mask.size)] ^= True
    return mask if mask.size > 1 else np.ones_like(mask)
