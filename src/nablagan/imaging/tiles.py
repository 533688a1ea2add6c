"""A network from images to images on pictures of any size: in overlapping tiles, blended without a seam, row by row.

Memory besides the picture and the result: one row of tiles of the result in float32, which is 4 C (tile + overlap)
width bytes, and what the network itself needs for one tile.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nablagan.types import InputError

Network = Callable[[Tensor], Tensor]
"""Floats (1, Cs, h, w) in [-1, 1] -> (1, C, h, w), for any h and w."""
Crop = Callable[[slice, slice], Tensor]
"""(rows, columns) -> floats (Cs, h, w), a part of a picture."""
Progress = Callable[[int, int], None]
"""(tiles done, of how many)."""


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut. Raises InputError for tiles that would overlap in threes."""

    tile: int = 512
    """Side in pixels; what fits into one tile is not cut."""
    overlap: int = 64
    """Pixels that neighbours share. A quarter of it at each end is seen as context only; between, they are blended."""
    multiple: int = 32
    """Tiles begin at multiples of this, so that a network that halves sizes sees each pixel in the same phase."""

    def __post_init__(self) -> None:
        if min(self.tile, self.multiple) < 1 or self.overlap < 0:
            raise InputError(f"tile {self.tile}, overlap {self.overlap}: give pixels, such as 512 and 64")
        if 2 * (self.tile - self.step) > self.tile or self.step < 1:
            least = 2 * (self.overlap + self.multiple - 1)
            raise InputError(f"tile {self.tile} is small for an overlap of {self.overlap}: give {least} or more")

    @property
    def step(self) -> int:
        """From one tile's begin to the next one's."""
        return (self.tile - self.overlap) // self.multiple * self.multiple

    def spans(self, length: int) -> list[slice]:
        """The tiles along a side of that length; the last one may be shorter.

        >>> Tiling(8, 2, 2).spans(15)
        [slice(0, 8, None), slice(6, 14, None), slice(12, 15, None)]
        """
        if length <= self.tile:
            return [slice(0, length)]
        starts = range(0, length - (self.tile - self.step), self.step)
        return [slice(start, min(start + self.tile, length)) for start in starts]


def in_tiles(net: Network, image: Tensor, tile: int = 512, overlap: int = 64, multiple: int = 32) -> Tensor:
    """net's result (C, h, w) on the CPU for an image (Cs, h, w), in overlapping tiles.

    Equal to the untiled result, up to rounding, for networks that look no further than overlap / 4 pixels; where
    they look further, raised-cosine weights spread the difference of two tiles over overlap / 2 pixels. Raises
    InputError for tiles smaller than twice their overlap.
    """
    rows = tiled_rows(
        net, lambda y, x: image[:, y, x], (image.shape[1], image.shape[2]), Tiling(tile, overlap, multiple)
    )
    return torch.cat([part for _, part in rows], 1)


def tiled_rows(
    net: Network, crop: Crop, size: tuple[int, int], tiling: Tiling, progress: Progress | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Finished rows of the result from the top: (which rows, floats (C, rows, width) on the CPU)."""
    down, across = tiling.spans(size[0]), tiling.spans(size[1])
    pending: Tensor | None = None
    for index, (rows, weights) in enumerate(zip(down, ramps(down), strict=True)):
        told = _told(progress, index * len(across), len(down) * len(across))
        band = _band(net, crop, rows, across, size[1], told).mul_(weights[:, None])
        if pending is not None:
            band[:, : pending.shape[1]] += pending
        done = (down[index + 1].start if index + 1 < len(down) else rows.stop) - rows.start
        pending = band[:, done:].clone()
        yield slice(rows.start, rows.start + done), band[:, :done]


def ramps(spans: list[slice]) -> list[Tensor]:
    """One weight a pixel of each tile along a side: they sum to 1 over the tiles that see a pixel.

    In an overlap of V pixels the first V/4 belong to the earlier tile, the last V/4 to the later one, and between them
    the weight goes over by (1 - cos) / 2.
    """
    weights = [torch.ones(span.stop - span.start) for span in spans]
    for index in range(1, len(spans)):
        shared = spans[index - 1].stop - spans[index].start
        if shared > 0:
            rise = _rise(shared)
            weights[index][:shared] *= rise
            weights[index - 1][-shared:] *= 1 - rise
    return weights


def _rise(shared: int) -> Tensor:
    margin = shared // 4
    width = shared - 2 * margin
    places = (torch.arange(shared, dtype=torch.float64) - margin + 0.5) / width
    return ((1 - torch.cos(math.pi * places.clamp(0, 1))) / 2).float()


def _band(
    net: Network, crop: Crop, rows: slice, across: list[slice], width: int, told: Callable[[int], None]
) -> Tensor:
    """The result (C, rows, width) of one row of tiles, blended across."""
    band: Tensor | None = None
    for index, (columns, weights) in enumerate(zip(across, ramps(across), strict=True)):
        part = net(crop(rows, columns)[None])[0].float().cpu()
        if band is None:
            band = torch.zeros(len(part), part.shape[1], width)
        band[:, :, columns] += part * weights
        told(index + 1)
    assert band is not None
    return band


def _told(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total) if progress else None
