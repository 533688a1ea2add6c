"""Which size, channels and fit the images get: as the caller asked, else as the data suggest."""

import statistics
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from nablagan.players import layers
from nablagan.types import InputError

FITS = ("crop", "pad", "stretch", "border")
"""crop: cover, cut the rest. pad: fit inside, black bars. stretch: alter the aspect. border: pad only."""
DEFAULT_LARGEST_SIDE = 64
SMALLEST_SIDE, LARGEST_SIDE = 8, 2048
LARGEST_CHANNEL_COUNT = 64


class Request(NamedTuple):
    """What the caller asked for, checked; None means "choose"."""

    size: tuple[int, int] | None = None
    """(height, width)."""
    channels: int | None = None
    fit: str | None = None


@dataclass(frozen=True)
class Policy:
    """How every image of a data set is brought to one shape."""

    height: int
    width: int
    channels: int
    fit: str
    reason: str
    """Why this size, for people."""

    def as_json(self) -> dict[str, Any]:
        """The policy as plain JSON."""
        return asdict(self)


def checked_request(resolution: int | tuple[int, int] | None, channels: int | None, fit: str | None) -> Request:
    """The request, or InputError for a side that no player grows to, a bad channel count, an unknown fit."""
    if fit is not None and fit not in FITS:
        raise InputError(f"fit {fit!r} is unknown; choose one of {', '.join(FITS)}")
    if channels is not None and not 1 <= channels <= LARGEST_CHANNEL_COUNT:
        raise InputError(f"channels {channels} is not possible; give 1 (grey) or 3 (colour)")
    return Request(None if resolution is None else _checked_size(resolution), channels, fit)


def free_request(resolution: int | tuple[int, int] | None, channels: int | None, fit: str | None) -> Request:
    """The same where the players take any size: a side need not be a base doubled."""
    request = checked_request(None, channels, fit)
    return request if resolution is None else request._replace(size=_plain_size(resolution))


def policy_for_pictures(request: Request, sizes: Counter[tuple[int, int]], all_grey: bool) -> Policy:
    """Policy for image files; `sizes` counts their (height, width) as shown, after EXIF rotation.

    Raises InputError for channels that image files do not have.
    """
    if request.channels not in (None, 1, 3):
        raise InputError(f"channels {request.channels} is not possible for image files; give 1 (grey) or 3 (colour)")
    channels = request.channels or (1 if all_grey else 3)
    fit = request.fit or "crop"
    if request.size is not None:
        return Policy(*request.size, channels, fit, "as asked")
    if len(sizes) == 1:
        ((height, width),) = sizes
        if _can_keep(height, width):
            return Policy(height, width, channels, fit, f"every image is {height}x{width}")
    return _square(channels, fit, statistics.median_low(sorted(min(size) for size in sizes.elements())))


def policy_for_array(request: Request, channels: int, height: int, width: int) -> Policy:
    """Policy for equal images: kept, or padded to multiples of 16 when no side grows by over a quarter."""
    kept_channels = _array_channels(request.channels, channels)
    if request.size is not None:
        fit = request.fit or ("border" if _grows_a_little((height, width), request.size) else "crop")
        return Policy(*request.size, kept_channels, fit, "as asked")
    padded = (_next_multiple(height), _next_multiple(width))
    if padded == (height, width) and _can_keep(height, width):
        return Policy(height, width, kept_channels, request.fit or "crop", f"every image is {height}x{width}")
    if _grows_a_little((height, width), padded) and _can_keep(*padded):
        why = f"{height}x{width} with a black border, to multiples of 16"
        return Policy(*padded, kept_channels, request.fit or "border", why)
    if _can_keep(height, width):
        return Policy(height, width, kept_channels, request.fit or "crop", f"every image is {height}x{width}")
    return _square(kept_channels, request.fit or "crop", min(height, width))


def _checked_size(resolution: int | tuple[int, int]) -> tuple[int, int]:
    size = _plain_size(resolution)
    layers.stages(*size)  # raises InputError, with the nearest size that players can make
    return size


def _plain_size(resolution: int | tuple[int, int]) -> tuple[int, int]:
    size = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    if len(size) != 2 or not all(isinstance(side, int) for side in size):
        raise InputError(f"resolution {resolution!r} is not possible; give one number, or height and width")
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
        asked = "x".join(map(str, dict.fromkeys(size)))
        raise InputError(f"resolution {asked} is not possible; give sides from {SMALLEST_SIDE} to {LARGEST_SIDE}")
    return size[0], size[1]


def _square(channels: int, fit: str, short_side: int) -> Policy:
    side = DEFAULT_LARGEST_SIDE
    while side > max(short_side, 8):
        side //= 2
    why = f"largest power of two up to the median short side {short_side}, at most {DEFAULT_LARGEST_SIDE}"
    return Policy(side, side, channels, fit, f"{why}; --resolution overrides")


def _can_keep(height: int, width: int) -> bool:
    """Whether players make this shape cheaply: from a base of at most 8x8."""
    try:
        base_height, base_width, _ = layers.stages(height, width)
    except InputError:
        return False
    return (
        max(base_height, base_width) <= 8 and SMALLEST_SIDE <= min(height, width) <= max(height, width) <= LARGEST_SIDE
    )


def _next_multiple(side: int) -> int:
    return -(-side // 16) * 16


def _grows_a_little(old: tuple[int, int], new: tuple[int, int]) -> bool:
    return all(before <= after <= 1.25 * before for before, after in zip(old, new, strict=True))


def _array_channels(asked: int | None, present: int) -> int:
    if asked is None or asked == present:
        return present
    if {asked, present} == {1, 3}:
        return asked
    raise InputError(f"channels {asked} cannot be made from {present}; leave --channels out to keep {present}")
