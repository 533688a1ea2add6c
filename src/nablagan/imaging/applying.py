"""A trained translator or completer on a picture: channels brought together, tiles, known pixels copied through.

Channels: grey is given three times to a network that wants colours, colours by their luma (ITU-R 601) to one that wants
grey. A network that gives as many channels as it takes leaves the mode as it was; one that changes their number
(grey to colour, say) decides how many colours the result has. Alpha is never seen, and is written back as it was.
"""

from typing import Any, Protocol

import numpy as np
import torch
from scipy.ndimage import find_objects, label
from torch import Tensor

from nablagan.imaging.modes import COLOURS
from nablagan.imaging.pictures import Picture
from nablagan.imaging.tiles import Crop, Progress, Tiling, tiled_rows
from nablagan.tasks.continuation import continued
from nablagan.types import InputError

_LUMA = (0.299, 0.587, 0.114)
_MARGIN = 64
"""Pixels around what is missing that its smooth continuation is made from."""


class Translator(Protocol):
    """A trained network from images to images."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, h, w) of what it was trained to make; it works on any h and w."""
        ...

    @property
    def source_shape(self) -> tuple[int, ...]:
        """(Cs, h, w) of what it is given; for completion C + 1 channels, the last of them the mask."""
        ...

    @property
    def latent_size(self) -> int:
        """0 where it has one answer only."""
        ...

    @property
    def completes(self) -> bool:
        """Whether it is given images with holes, and the mask."""
        ...

    def __call__(self, source: Tensor, latent: Tensor | None) -> Tensor:
        """Floats (1, Cs, h, w) in [-1, 1], (1, latent_size) or None, on the CPU -> (1, C, h, w), with no graph."""
        ...


def translated(
    translator: Translator,
    picture: Picture,
    latent: Tensor | None = None,
    tiling: Tiling = Tiling(),  # noqa: B008 (frozen)
    progress: Progress | None = None,
) -> Picture:
    """What the translator makes of the picture, of the same size and, where channels allow, mode and depth.

    InputError for a translator whose channels are no picture's (1 or 3).
    """
    takes, gives = translator.source_shape[0], translator.shape[0]
    if translator.completes:
        raise InputError("this run completes images: call `nablagan complete` with a mask or a box")
    _check_channels(takes)
    _check_channels(gives)
    count = COLOURS[picture.mode] if takes == gives else gives
    dtype = picture.colours.dtype if count == COLOURS[picture.mode] else np.dtype(np.uint8)
    result = np.empty((count, *picture.size), dtype)

    def crop(rows: slice, columns: slice) -> Tensor:
        return in_channels(floats_of(picture.colours[:, rows, columns]), takes)

    def net(tile: Tensor) -> Tensor:
        return translator(tile, latent)

    for rows, values in tiled_rows(net, crop, picture.size, tiling, progress):
        result[:, rows] = colours_of(in_channels(values, count), dtype)
    return picture.painted(result)


def completed(
    translator: Translator,
    picture: Picture,
    missing: np.ndarray,
    latent: Tensor | None = None,
    tiling: Tiling = Tiling(),  # noqa: B008 (frozen)
    progress: Progress | None = None,
) -> Picture:
    """The picture with the pixels where `missing` (h, w) is true painted anew; all others are the same bits.

    Tiles without a missing pixel are not computed. InputError for a mask of another size, and for a run that does not
    complete.
    """
    channels = translator.shape[0]
    _check_channels(channels)
    if not translator.completes:
        raise InputError("this run does not complete images: give one of `nablagan train complete`")
    if missing.shape != picture.size:
        raise InputError(
            f"the mask is {size_words(missing.shape)}, the picture {size_words(picture.size)}: make them equal"
        )
    result, part = picture.colours.copy(), smoothly_filled(picture.colours, missing)

    def crop(rows: slice, columns: slice) -> Tensor:
        given = in_channels(part(rows, columns), channels)
        return torch.cat([given, torch.from_numpy(missing[None, rows, columns]).float()])

    def net(tile: Tensor) -> Tensor:
        return translator(tile, latent) if bool((tile[:, -1] > 0).any()) else tile[:, :-1]

    for rows, values in tiled_rows(net, crop, picture.size, tiling, progress):
        painted = colours_of(in_channels(values, len(result)), result.dtype)
        np.copyto(result[:, rows], painted, where=missing[rows])
    return picture.painted(result)


def smoothly_filled(colours: np.ndarray, missing: np.ndarray) -> Crop:
    """Parts of the colours (C, h, w) as floats, with a smooth continuation where `missing` (h, w) is true.

    It is that of the picture, not of the part, so that parts agree where they overlap. It is made hole by hole and
    channel by channel: 4 C bytes a pixel of the holes' boxes with their margins stay, about 40 more while one is made.
    """
    filled = [(box, _filled(colours[:, *box], missing[box])) for box in _boxes(missing)]

    def part(rows: slice, columns: slice) -> Tensor:
        values = floats_of(colours[:, rows, columns])
        for box, inside in filled:
            own, theirs = zip(*(_shared(a, b) for a, b in zip((rows, columns), box, strict=True)), strict=True)
            hole = torch.from_numpy(missing[rows, columns][own])
            values[:, *own] = torch.where(hole, inside[:, *theirs], values[:, *own])
        return values

    return part


def _filled(colours: np.ndarray, missing: np.ndarray) -> Tensor:
    values, mask = floats_of(colours), torch.from_numpy(missing[None, None]).float()
    for channel in values:
        channel.copy_(continued(channel[None, None], mask)[0, 0].clamp(-1, 1))
    return values


def _boxes(missing: np.ndarray) -> list[tuple[slice, slice]]:
    """Rows and columns around each group of holes, with a margin; groups lie at least _MARGIN pixels apart."""
    height, width = missing.shape
    fitted = np.pad(missing, ((0, -height % _MARGIN), (0, -width % _MARGIN)))
    blocks = fitted.reshape(fitted.shape[0] // _MARGIN, _MARGIN, -1, _MARGIN).any((1, 3))
    groups: Any = label(blocks, np.ones((3, 3)))
    found = find_objects(groups[0])
    return [(_around(rows, height), _around(columns, width)) for rows, columns in found]


def _around(blocks: slice, length: int) -> slice:
    """The pixels of these blocks and a margin."""
    return slice(max((blocks.start - 1) * _MARGIN, 0), min((blocks.stop + 1) * _MARGIN, length))


def _shared(first: slice, second: slice) -> tuple[slice, slice]:
    """Where two spans meet, from the beginning of each."""
    start, stop = max(first.start, second.start), min(first.stop, second.stop)
    stop = max(start, stop)
    return slice(start - first.start, stop - first.start), slice(start - second.start, stop - second.start)


def floats_of(colours: np.ndarray) -> Tensor:
    """float32 in [-1, 1] of uint8, uint16, or float32 in [0, 1]."""
    most = _most(colours.dtype)
    return torch.from_numpy(colours.astype(np.float32) * (2 / most) - 1)


def colours_of(values: Tensor, dtype: np.dtype) -> np.ndarray:
    """The reverse of `floats_of`, cut to the range and rounded. InputError for NaN and Inf."""
    if not bool(torch.isfinite(values).all()):
        raise InputError("the run's network gives NaN or Inf: it has diverged; choose an earlier --checkpoint")
    scaled = (values.double().clamp(-1, 1).numpy() + 1) * (_most(dtype) / 2)
    return scaled.astype(dtype) if dtype.kind == "f" else np.rint(scaled).astype(dtype)


def in_channels(values: Tensor, channels: int) -> Tensor:
    """(channels, h, w) of (1 or 3, h, w): grey three times, colours by their luma."""
    if len(values) == channels:
        return values
    if len(values) == 1:
        return values.expand(channels, -1, -1)
    return (values * values.new_tensor(_LUMA).reshape(3, 1, 1)).sum(0, keepdim=True)


def size_words(size: tuple[int, ...]) -> str:
    """Such as "640 x 480", width first.

    >>> size_words((480, 640))
    '640 x 480'
    """
    return f"{size[1]} x {size[0]}"


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise InputError(f"this run's images have {channels} channels, and picture files 1 or 3: call it from Python")


def _most(dtype: np.dtype) -> float:
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
