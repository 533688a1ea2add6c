"""Differentiable augmentation of what the discriminator sees (Zhao et al. 2020), as pure functions.

Each is affine in the images, so it can be differentiated any number of times in any mode; translation is a
gather, because the second derivative of grid_sample is missing in torch 2.11.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nablagan.types import InputError

DRAWS = 10
"""Uniform draws a sample: 3 gates, then brightness, saturation, contrast, 2 shifts, 2 cutout positions."""
KINDS = ("color", "translation", "cutout")
SHIFT_RATIO = 1 / 8
CUTOUT_RATIO = 1 / 2


def diffaugment(images: Tensor, draws: Tensor, kinds: Sequence[str] = KINDS, probability: float = 1.0) -> Tensor:
    """DiffAugment (Zhao et al. 2020): each kind in turn, applied to each sample with `probability`.

    images (batch, C, H, W) in [-1, 1]; draws (batch, DRAWS) uniform in [0, 1), the only randomness, used per
    sample. The same draws for real and fake give both the same change. Raises InputError for other shapes and
    unknown kinds.

    >>> images = torch.zeros(2, 3, 8, 8)
    >>> diffaugment(images, torch.rand(2, DRAWS)).shape
    torch.Size([2, 3, 8, 8])
    """
    _check(images, draws, kinds)
    for kind in kinds:
        gate = draws[:, KINDS.index(kind)] < probability
        images = _AUGMENTATIONS[kind](images, draws, gate)
    return images


def color(images: Tensor, draws: Tensor, gate: Tensor) -> Tensor:
    """Brightness + (u - 1/2), saturation times 2u, contrast times u + 1/2; u a draw of its own for each."""
    brightness, saturation, contrast = draws[:, 3:6].unbind(1)
    images = images + _each(torch.where(gate, brightness - 0.5, 0.0), images)
    if images.shape[1] > 1:
        images = _scale_about_mean(images, torch.where(gate, 2 * saturation, 1.0), (1,))
    return _scale_about_mean(images, torch.where(gate, contrast + 0.5, 1.0), (1, 2, 3))


def translation(images: Tensor, draws: Tensor, gate: Tensor) -> Tensor:
    """Shift by whole pixels, up to an eighth of each side either way; zeros come in."""
    height, width = images.shape[2:]
    rows, rows_inside = _shifted(draws[:, 6], gate, height)
    columns, columns_inside = _shifted(draws[:, 7], gate, width)
    source = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
    inside = (rows_inside[:, :, None] & columns_inside[:, None, :]).unsqueeze(1)
    moved = images.flatten(2).gather(2, source.unsqueeze(1).expand(-1, images.shape[1], -1))
    return moved.view_as(images) * inside


def cutout(images: Tensor, draws: Tensor, gate: Tensor) -> Tensor:
    """Zero a rectangle of half the height and half the width, centred anywhere in the image."""
    rows = _cut(draws[:, 8], images.shape[2])
    columns = _cut(draws[:, 9], images.shape[3])
    hole = rows[:, :, None] & columns[:, None, :] & gate[:, None, None]
    return images * ~hole.unsqueeze(1)


_AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}


def _scale_about_mean(images: Tensor, factor: Tensor, dimensions: tuple[int, ...]) -> Tensor:
    """mean + factor (images - mean), written so that a factor of one changes no bit."""
    mean = images.mean(dimensions, keepdim=True)
    return images + (images - mean) * _each(factor - 1, images)


def _each(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.dtype).view(-1, 1, 1, 1)


def _shifted(draw: Tensor, gate: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Source index of each row or column (batch, side), clamped, and whether it was inside before that."""
    largest = int(side * SHIFT_RATIO + 0.5)
    shift = torch.where(gate, _integer(draw, 2 * largest + 1) - largest, 0)
    source = torch.arange(side, device=draw.device) - shift.unsqueeze(1)
    return source.clamp(0, side - 1), (source >= 0) & (source < side)


def _cut(draw: Tensor, side: int) -> Tensor:
    """Which rows or columns the hole covers: (batch, side) booleans."""
    length = int(side * CUTOUT_RATIO + 0.5)
    first = _integer(draw, side + (1 - length % 2)) - length // 2
    place = torch.arange(side, device=draw.device) - first.unsqueeze(1)
    return (place >= 0) & (place < length)


def _integer(draw: Tensor, count: int) -> Tensor:
    """0 ... count - 1, equally likely; the clamp is for a draw that rounds up to 1 in low precision."""
    return (draw * count).floor().long().clamp(max=count - 1)


def _check(images: Tensor, draws: Tensor, kinds: Sequence[str]) -> None:
    if images.ndim != 4:
        raise InputError(f"augmentation needs images (batch, C, H, W), not shape {tuple(images.shape)}")
    if draws.shape != (len(images), DRAWS):
        raise InputError(f"draws must have shape {(len(images), DRAWS)}, not {tuple(draws.shape)}")
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise InputError(f"augmentation {unknown[0]!r} is unknown; choose among {', '.join(KINDS)}")
