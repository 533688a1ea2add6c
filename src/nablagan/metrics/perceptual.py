"""The distance of two images in the feature maps of a network trained on photographs (Zhang et al. 2018)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nablagan.metrics.features import exactly
from nablagan.metrics.pairs import Images, unit_range
from nablagan.types import InputError

TINY = 1e-10
LEAST_SIDE = 64
"""Smaller images are enlarged, as the networks halve the size four or five times."""


@dataclass(frozen=True)
class StageFeatures:
    """A frozen network seen at several depths, and the protocol that makes two values comparable."""

    name: str
    maps: Callable[[Tensor], Sequence[Tensor]]
    """Floats (n, 3, h, w) in [-1, 1] -> maps (n, C_s, h_s, w_s), one a stage, that can be differentiated (again)."""
    protocol: dict[str, Any]
    """Plain JSON: layers, values, weights_sha256, source."""
    weights: tuple[Tensor, ...] | None = None
    """One (C_s,) a stage, not negative: what a channel counts; None: 1 each."""


def perceptual_distance(first: Tensor, second: Tensor, features: StageFeatures) -> Tensor:
    """sum_s mean_hw sum_c w_sc (u_sc - v_sc)^2 of unit-normalised maps u, v (n,) (Zhang et al. 2018, equation 1).

    first, second: floats (n, 1 or 3, h, w) in [-1, 1], any size; differentiable in both, so that it serves as a loss. A
    grey channel is taken three times; sides below 64 are enlarged to 64 (bilinear). Without weights each stage
    contributes 0 to 4. Comparable only between equal protocols, and never with published LPIPS values unless the
    features are LPIPS's own. Raises InputError for images of two shapes, or with other channels.
    """
    if first.shape != second.shape or first.ndim != 4 or first.shape[1] not in (1, 3):
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise InputError(f"images of shapes {shapes}; give two equal ones (n, 1 or 3, height, width)")
    u, v = features.maps(_seen(first)), features.maps(_seen(second))
    weights = features.weights or [None] * len(u)
    return torch.stack([_difference(*each) for each in zip(u, v, weights, strict=True)]).sum(0)


def perceptual_distances(
    first: Images, second: Images, features: StageFeatures, batch_size: int = 50, device: str | torch.device = "cpu"
) -> Tensor:
    """`perceptual_distance` (n,), float32 on the CPU, of images as in `pairs` (uint8 too), in batches."""
    parts = []
    for start in range(0, max(len(first), len(second)), batch_size):
        chosen = (each[start : start + batch_size] for each in (first, second))
        x, y = (unit_range(each).float().to(device) * 2 - 1 for each in chosen)
        with torch.inference_mode(), exactly():
            parts.append(perceptual_distance(x, y, features).cpu())
    if not parts:
        raise InputError("there are no images to compare; give at least one pair")
    return torch.cat(parts)


def _seen(images: Tensor) -> Tensor:
    """float32, which the networks are; three channels, no side below 64."""
    images = images.float().expand(-1, 3, -1, -1)
    least = min(images.shape[2:])
    if least >= LEAST_SIDE:
        return images
    size = [round(side * LEAST_SIDE / least) for side in images.shape[2:]]
    return interpolate(images, size, mode="bilinear", align_corners=False)


def _difference(u: Tensor, v: Tensor, weights: Tensor | None) -> Tensor:
    squares = (_unit(u) - _unit(v)).square()
    if weights is not None:
        squares = squares * weights.to(squares).reshape(1, -1, 1, 1)
    return squares.sum(1).mean((1, 2))


def _unit(maps: Tensor) -> Tensor:
    """Unlike the paper: 1e-10 is inside the root, so that a place where nothing responds has a gradient."""
    return maps * torch.rsqrt(maps.square().sum(1, keepdim=True) + TINY)
