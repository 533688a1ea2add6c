"""How generated samples lie beside real ones, by distances alone: no net, no features to download."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 8
"""Images are reduced to so many pixels a side before they are compared: noise and position of edges count less."""


def coarse(samples: Tensor) -> Tensor:
    """(N, d) in float32: images (N, C, H, W) averaged to 8x8 at most, other samples flattened."""
    if samples.ndim == 4:
        height, width = (min(SIDE, side) for side in samples.shape[2:])
        samples = adaptive_avg_pool2d(samples.float(), (height, width))
    return samples.flatten(1).float()


def energy_distance(first: Tensor, second: Tensor) -> float:
    """(2 E|x - y| - E|x - x'| - E|y - y'|) / E|y - y'| of x in `first` (n, d), y in `second` (m, d), n, m >= 2.

    Zero in expectation for samples of one distribution, and of them only (Szekely and Rizzo 2013); the means over
    pairs leave out a sample with itself, so an estimate may be a little below zero. Unchanged by a common scale; nan
    where the samples of `second` are all alike.

    >>> energy_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [2.0]]))
    -1.0
    """
    scale = mean_distance(second)
    between = torch.cdist(first, second).mean().item()
    return (2 * between - mean_distance(first) - scale) / scale if scale else float("nan")


def mean_distance(points: Tensor) -> float:
    """E|x - x'| over pairs of different rows of (n, d)."""
    return torch.pdist(points).mean().item()


def paired_distance(first: Tensor, second: Tensor) -> float:
    """The mean of |x_i - y_i| over rows of two (n, d)."""
    return (first - second).norm(dim=1).mean().item()
