"""Pictures whose causes are known: one coloured ellipse each, of five factors; and the factors of given pictures."""

from typing import NamedTuple

import numpy as np

from nablagan.types import InputError

COUNT = 10_000
RESOLUTION = 32
SEED = 20_170_603
RANGES = {"x": (-0.45, 0.45), "y": (-0.45, 0.45), "size": (0.25, 0.5), "angle": (-60.0, 60.0), "hue": (0.0, 2 / 3)}
"""Uniform and independent. The whole ellipse stays in the picture, whose half side is 1; an ellipse looks the same
after 180 degrees and hues repeat after 1, so both ranges stop where equal pictures still mean equal factors."""
FLATNESS = 0.5
"""Minor over major half axis."""
LEAST_LIGHT = 0.1
"""Of a pixel that counts as part of the ellipse: generated backgrounds are not quite black."""
BLOCK = 1_000


class Factors(NamedTuple):
    """What each picture was drawn from, or measured to show: five float64 arrays (N,)."""

    x: np.ndarray
    """Of the centre, to the right; the picture's half side is 1."""
    y: np.ndarray
    """Of the centre, upwards."""
    size: np.ndarray
    """Major half axis in half sides."""
    angle: np.ndarray
    """Of the major axis against the horizontal, degrees anticlockwise."""
    hue: np.ndarray
    """0 red, 1/3 green, 2/3 blue; full saturation and value."""


class Shapes(NamedTuple):
    """Pictures and what they were drawn from."""

    images: np.ndarray
    """uint8 (N, 3, resolution, resolution), black behind."""
    factors: Factors


def shapes(count: int = COUNT, resolution: int = RESOLUTION, seed: int = SEED) -> Shapes:
    """`count` coloured ellipses of independent, uniform factors within RANGES, edges smoothed over one pixel.

    Called without arguments it returns the pictures of `builtin:shapes` in their order. The factors depend on count and
    seed alone. Raises InputError for counts below 1, sides below 8 and negative seeds.

    >>> images, factors = shapes(100, 16)
    >>> images.shape, factors.hue.shape
    ((100, 3, 16, 16), (100,))
    """
    for name, value, least in (("count", count, 1), ("resolution", resolution, 8), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name} is {value}: shapes need a {name} of at least {least}")
    random = np.random.Generator(np.random.PCG64(seed))
    factors = Factors(*(random.uniform(*RANGES[name], count) for name in Factors._fields))
    images = np.empty((count, 3, resolution, resolution), np.uint8)
    for start in range(0, count, BLOCK):
        part = Factors(*(values[start : start + BLOCK] for values in factors))
        images[start : start + BLOCK] = np.rint(255 * _rendered(part, resolution))
    return Shapes(images, factors)


def measured_factors(images: np.ndarray) -> Factors:
    """The factors of pictures (N, 3, height, width) of one ellipse each, uint8 or float in [0, 1], by moments.

    The light of a pixel is its strongest channel: the part of it that the ellipse covers. Its sum, mean and covariance
    are the area pi size^2 / 2, the centre and the axes; the summed channels give the hue, from -1/6 to 5/6. All are nan
    for a picture that holds less light than one pixel. Raises InputError for another shape.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise InputError(f"images have shape {images.shape}: factors are measured of (N, 3, height, width)")
    values = images / 255 if images.dtype == np.uint8 else np.clip(images.astype(np.float64), 0, 1)
    light = values.max(1)
    light[light < LEAST_LIGHT] = 0
    across, up = _grid(*images.shape[2:])
    total = light.sum((1, 2))
    total[total < 1] = np.nan
    x, y = ((light * axis).sum((1, 2)) / total for axis in (across, up))
    right, above = across - x[:, None, None], up - y[:, None, None]
    spread, tilt = ((light * moment).sum((1, 2)) / total for moment in (right**2 - above**2, 2 * right * above))
    area = total * 4 / (images.shape[2] * images.shape[3])
    angle = np.degrees(np.arctan2(tilt, spread)) / 2
    return Factors(
        x, y, np.sqrt(area / (np.pi * FLATNESS)), angle, _hue((values * (light > 0)[:, None]).sum((2, 3)), x)
    )


def _rendered(factors: Factors, resolution: int) -> np.ndarray:
    """float64 (N, 3, resolution, resolution) in [0, 1]: coverage, from the distance to the edge, times colour."""
    across, up = _grid(resolution, resolution)
    x, y, size, angle, hue = (values[:, None, None] for values in factors)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along = (cosine * (across - x) + sine * (up - y)) / size
    beside = (cosine * (up - y) - sine * (across - x)) / (FLATNESS * size)
    radius = np.hypot(along, beside)
    slope = np.hypot(along / size, beside / (FLATNESS * size)) / np.maximum(radius, 1e-12)
    distance = (radius - 1) / np.maximum(slope, 1e-12) * resolution / 2  # to first order (f / |grad f|), in pixels
    coverage = np.clip(0.5 - distance, 0, 1)
    turns = (6 * hue + np.array([0, 4, 2])) % 6  # red, green and blue rise and fall a third of a turn apart
    colours = np.clip(np.abs(turns - 3) - 1, 0, 1).reshape(-1, 3, 1, 1)
    return coverage[:, None] * colours


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle of each pixel, to the right (width,) and upwards (height, 1), the half side being 1."""
    across, down = ((2 * np.arange(side) + 1) / side - 1 for side in (width, height))
    return across, -down[:, None]


def _hue(colours: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Hue in [-1/6, 5/6) of summed channels (N, 3), nan where `found` is."""
    red, green, blue = colours.T
    strength = colours.max(1) - colours.min(1)
    strength = np.where(strength > 0, strength, 1)  # grey counts as red
    sectors = [(green - blue) / strength, (blue - red) / strength + 2, (red - green) / strength + 4]
    hue = np.choose(colours.argmax(1), sectors) / 6
    hue = np.where(hue >= 5 / 6, hue - 1, hue)
    return np.where(np.isnan(found), np.nan, hue)
