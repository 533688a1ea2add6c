"""A figure with its interval, from influences or from deleted groups.

No figure here is resampled with replacement: a drawn twice sample is its own neighbour and its own pair, which moves
unbiased kernel distances and nearest neighbours (Politis, Romano and Wolf 1999, chapter 2).
"""

import math
from typing import NamedTuple

import torch
from scipy.stats import norm, t
from torch import Tensor

LEVEL = 0.95


class Estimate(NamedTuple):
    """A figure and its 95 % interval, for the mean of that figure over samples of the same sizes."""

    value: float
    low: float
    high: float


def from_deviation(value: float, deviation: float, least: float = -math.inf, most: float = math.inf) -> Estimate:
    """value +- 1.96 deviation, cut to the figure's own bounds.

    >>> [round(x, 4) for x in from_deviation(0.5, 0.5, least=0.0)]
    [0.5, 0.0, 1.48]
    """
    reach = float(norm.ppf(0.5 + LEVEL / 2)) * deviation
    return Estimate(value, max(value - reach, least), min(value + reach, most))


def from_groups(value: float, without: Tensor, least: float = -math.inf, most: float = math.inf) -> Estimate:
    """value with the interval of the delete-a-group jackknife; `without[g]` is the figure without group g (G,).

    Variance (G - 1)/G sum (without_g - their mean)^2, Student's t with G - 1 degrees (Shao and Tu 1995, section 2.3).
    Groups are taken from both sides at once. One group tells nothing: nan.
    """
    groups = len(without)
    if groups < 2:
        return Estimate(value, math.nan, math.nan)
    deviation = math.sqrt((groups - 1) * float(without.var(unbiased=False)))
    reach = float(t.ppf(0.5 + LEVEL / 2, groups - 1)) * deviation
    return Estimate(value, max(value - reach, least), min(value + reach, most))


def deviation_of_mean(influences: Tensor) -> float:
    """The standard error of a figure that is a mean of influences (n,), to first order (Hampel 1974)."""
    return float(influences.std() / math.sqrt(len(influences)))


def groups_of(count: int, groups: int) -> Tensor:
    """The group (count,) of each sample: neighbours in order, sizes that differ by at most one."""
    return torch.arange(count) * groups // count
