"""The sliced Wasserstein distance: one-dimensional transport along random directions."""

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked_pair
from nablagan.metrics.intervals import Estimate, from_groups, groups_of
from nablagan.metrics.tiles import GROUPS
from nablagan.types import InputError


def sliced_wasserstein(f: Array, g: Array, projections: int = 128, seed: int = 0) -> float:
    """SW2: the root of the mean, over directions, of the squared W2 of projections (Bonneel et al. 2015, section 3).

    f (n, d), g (m, d), n, m >= 1 and possibly different; directions uniform on the sphere, from the seed alone. In the
    features' unit. Biased upwards at finite n. Raises InputError.

    >>> round(sliced_wasserstein(torch.zeros(3, 1), torch.full((2, 1), 5.0)), 12)
    5.0
    """
    first, second = checked_pair(f, g, least=1)
    lines = directions(first.shape[1], projections, seed).to(first.device)
    return float(_distance((first.double() @ lines).T, (second.double() @ lines).T))


def sliced_estimate(f: Array, g: Array, projections: int = 128, seed: int = 0) -> Estimate:
    """`sliced_wasserstein` with its delete-a-group jackknife interval (rows in random order). Raises InputError."""
    first, second = checked_pair(f, g, least=GROUPS)
    lines = directions(first.shape[1], projections, seed).to(first.device)
    one, two = (first.double() @ lines).T, (second.double() @ lines).T
    groups = [groups_of(len(features), GROUPS).to(first.device) for features in (first, second)]
    without = [_distance(one[:, groups[0] != group], two[:, groups[1] != group]) for group in range(GROUPS)]
    return from_groups(float(_distance(one, two)), torch.stack(without), least=0.0)


def directions(dimensions: int, projections: int, seed: int) -> Tensor:
    """Unit vectors (d, projections), float64, uniform on the sphere. Raises InputError for no projection."""
    if projections < 1:
        raise InputError(f"projections {projections}: give 1 or more")
    drawn = torch.randn(dimensions, projections, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn / drawn.norm(dim=0)


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """SW2 of projections (lines, n) and (lines, m)."""
    return _squared_transport(first.sort(1).values, second.sort(1).values).mean().sqrt()


def _squared_transport(first: Tensor, second: Tensor) -> Tensor:
    """W2 squared (lines,) of sorted samples: the integral of the squared difference of quantile functions."""
    n, m = first.shape[1], second.shape[1]
    if n == m:
        return (first - second).square().mean(1)
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique().to(first.device)
    widths = torch.diff(ends, prepend=ends.new_zeros(1)).double() / (n * m)
    return (first[:, (ends - 1) // m] - second[:, (ends - 1) // n]).square() @ widths
