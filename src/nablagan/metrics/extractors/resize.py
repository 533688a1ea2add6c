"""Images brought to a network's size, by exactly the kernel that its protocol names."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def rgb(images: Tensor) -> Tensor:
    """(n, 3, H, W): a grey channel three times, three channels as they are."""
    return images.expand(-1, 3, -1, -1)


def bicubic(images: Tensor, side: int) -> Tensor:
    """float32 (n, C, side, side): antialiased bicubic (a = -0.5, Pillow's kernel), clamped to 0 ... 255, unrounded."""
    resized = interpolate(images.float(), (side, side), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 255)


def bicubic_levels(images: Tensor, side: int) -> Tensor:
    """As `bicubic`, rounded to whole grey levels: what a pipeline through 8-bit pictures sees."""
    return bicubic(images, side).round()


def normalised(images: Tensor, side: int, mean: Sequence[float], deviation: Sequence[float]) -> Tensor:
    """float32 (n, 3, side, side): `bicubic_levels` in [0, 1], each channel minus its mean over its deviation."""
    values = bicubic_levels(rgb(images), side) / 255
    centre, scale = (values.new_tensor(figures).reshape(1, 3, 1, 1) for figures in (mean, deviation))
    return (values - centre) / scale


def tensorflow_bilinear(images: Tensor, side: int) -> Tensor:
    """float32 (n, C, side, side): bilinear as in TensorFlow 1: corners not aligned, no half-pixel centres.

    Output pixel i reads from the place i size / side, without antialiasing: against other libraries the picture is
    displaced (Parmar et al. 2022, "On aliased resizing"), and every value of FID's Inception contains that.
    """
    rows = _between(images.float(), 2, side)
    return _between(rows, 3, side)


def _between(values: Tensor, axis: int, side: int) -> Tensor:
    size = values.shape[axis]
    place = torch.arange(side, device=values.device, dtype=torch.float32) * (size / side)
    low = place.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    weight = (place - low).reshape([-1 if dimension == axis else 1 for dimension in range(4)])
    first, second = values.index_select(axis, low), values.index_select(axis, high)
    return first + (second - first) * weight
