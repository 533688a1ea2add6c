"""Augmentation of what is translated or completed: source, sample and mask move together.

A pure function of the images and of uniform draws, one row a sample, so that neither batch size nor processes matter.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.types import InputError

PAIRED_DRAWS = 6
"""Uniform draws a sample: 3 gates, then the shift down and to the right, and the zoom."""
PAIRED_KINDS = ("flip", "shift", "zoom")
LARGEST_PART = 1 / 8
"""Of a side: how far a shift goes either way, and how much a zoom cuts off."""


class Together(NamedTuple):
    """The three pictures of a pair after the same movement; None where there was none."""

    source: Tensor | None
    sample: Tensor
    mask: Tensor | None


def paired_augment(
    sample: Tensor,
    draws: Tensor,
    source: Tensor | None = None,
    mask: Tensor | None = None,
    kinds: Sequence[str] = PAIRED_KINDS,
    probability: float = 1.0,
) -> Together:
    """Sample, source and mask (batch, channels, height, width), each sample's three moved by the same draws.

    draws (batch, PAIRED_DRAWS) are uniform in [0, 1). flip: left and right exchanged, for half of the samples. shift:
    by whole pixels, up to an eighth of a side; what comes in is the mirror image. zoom: up to an eighth of each side is
    cut off and the rest enlarged, linearly. Without zoom every pixel keeps its value bit for bit; a mask stays 0 or 1.
    Each kind has the `probability`. Raises InputError for shapes that do not fit and for unknown kinds.

    >>> sample, source = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    >>> moved = paired_augment(sample, torch.rand(2, PAIRED_DRAWS), source)
    >>> moved.source.shape, moved.sample.shape
    (torch.Size([2, 1, 8, 8]), torch.Size([2, 3, 8, 8]))
    """
    _check(sample, draws, source, mask, kinds)
    flip = (draws[:, 0] < probability / 2) & ("flip" in kinds)
    shifts, zooms = ((draws[:, place] < probability) & (PAIRED_KINDS[place] in kinds) for place in (1, 2))
    height, width = sample.shape[2:]
    rows = _places(height, draws[:, 3], draws[:, 5], torch.zeros_like(flip), shifts, zooms)
    columns = _places(width, draws[:, 4], draws[:, 5], flip, shifts, zooms)
    moved_source = None if source is None else _moved(source, rows, columns)
    moved_mask = None if mask is None else (_moved(mask, rows, columns) > 0.5).to(mask.dtype)
    return Together(moved_source, _moved(sample, rows, columns), moved_mask)


def _places(side: int, shift: Tensor, zoom: Tensor, flip: Tensor, shifts: Tensor, zooms: Tensor) -> Tensor:
    """Where each row or column comes from, (batch, side) in 0 ... side - 1, whole numbers where nothing is zoomed."""
    largest = int(side * LARGEST_PART + 0.5)
    moved = torch.where(shifts, _integer(shift, 2 * largest + 1) - largest, 0).unsqueeze(1)
    cut = torch.where(zooms, _integer(zoom, largest + 1), 0).unsqueeze(1)
    place = torch.arange(side, device=shift.device).expand(len(shift), side)
    place = torch.where(flip.unsqueeze(1), side - 1 - place, place)
    place = (place + 0.5) * ((side - cut) / side) - 0.5 + cut / 2 - moved
    return _mirrored(place, side)


def _mirrored(place: Tensor, side: int) -> Tensor:
    period = max(1, 2 * (side - 1))
    place = place.remainder(period)
    return torch.minimum(place, period - place) if side > 1 else torch.zeros_like(place)


def _moved(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Linear between the two nearest pixels along each axis, exact on pixels."""
    down = _along(images, rows[:, None, :, None].expand(-1, images.shape[1], -1, images.shape[3]), 2)
    return _along(down, columns[:, None, None, :].expand(-1, images.shape[1], images.shape[2], -1), 3)


def _along(images: Tensor, places: Tensor, axis: int) -> Tensor:
    first = places.floor().long()
    second = (first + 1).clamp(max=images.shape[axis] - 1)
    near, far = images.gather(axis, first), images.gather(axis, second)
    return near + (far - near) * (places - first).to(images.dtype)


def _integer(draw: Tensor, count: int) -> Tensor:
    """0 ... count - 1, equally likely; the clamp is for a draw that rounds up to 1 in low precision."""
    return (draw * count).floor().long().clamp(max=count - 1)


def _check(sample: Tensor, draws: Tensor, source: Tensor | None, mask: Tensor | None, kinds: Sequence[str]) -> None:
    if sample.ndim != 4 or draws.shape != (len(sample), PAIRED_DRAWS):
        raise InputError(
            f"samples {tuple(sample.shape)} and draws {tuple(draws.shape)}: give (batch, channels, height, width) and "
            f"(batch, {PAIRED_DRAWS})"
        )
    for name, image in (("source", source), ("mask", mask)):
        if image is not None and (len(image), *image.shape[2:]) != (len(sample), *sample.shape[2:]):
            raise InputError(f"the {name} has shape {tuple(image.shape)}, which is no partner of {tuple(sample.shape)}")
    unknown = [kind for kind in kinds if kind not in PAIRED_KINDS]
    if unknown:
        raise InputError(f"augmentation {unknown[0]!r} is unknown; choose among {', '.join(PAIRED_KINDS)}")
