"""The kernel distance of outputs and the truths that belong to them, which are no independent samples."""

import math

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked_pair
from nablagan.metrics.intervals import Estimate, from_deviation
from nablagan.metrics.kernel import Kernel, KernelSums, polynomial
from nablagan.metrics.tiles import BLOCK, tiles_between, tiles_within
from nablagan.types import InputError


def paired_kernel_distance(f: Array, g: Array, kernel: Kernel = polynomial, block: int = BLOCK) -> float:
    """MMD_u^2 of rows that come in pairs: the mean over i != j of k(xi, xj) + k(yi, yj) - k(xi, yj) - k(xj, yi).

    f (n, d), g (n, d), n >= 3 (Gretton et al. 2012, lemma 6, equation 4). Unbiased also where x_i and y_i depend on
    each other, as a translation and its truth do: `kernel_distance` counts k(xi, yi) too, and would be too small by
    about 2/n of what a pair has in common. Raises InputError.

    >>> f = torch.tensor([[0.0], [1.0], [2.0]])
    >>> paired_kernel_distance(f, f)
    0.0
    """
    return paired_kernel_estimate(f, g, kernel, block).value


def paired_kernel_estimate(f: Array, g: Array, kernel: Kernel = polynomial, block: int = BLOCK) -> Estimate:
    """`paired_kernel_distance` with its 95 % interval by the jackknife over pairs (Efron and Stein 1981)."""
    first, second = checked_pair(f, g, least=3)
    if len(first) != len(second):
        raise InputError(f"{len(first)} and {len(second)} rows; pairs need as many of both")
    sums, n = _row_sums(first, second, kernel, block), len(first)
    means = sums / (n - 1)
    value = float(means.mean())
    variance = 4 * (n - 1) / (n * (n - 2) ** 2) * float((means - value).square().sum())
    return from_deviation(value, math.sqrt(variance))


def _row_sums(first: Tensor, second: Tensor, kernel: Kernel, block: int) -> Tensor:
    """sum over j != i of h(i, j), (n,) float64, h being the kernel's four terms."""
    sums = KernelSums(first, second)
    for tile in tiles_within(first, block):
        sums.see_first(tile, kernel(tile))
    for tile in tiles_within(second, block):
        sums.see_second(tile, kernel(tile))
    own = torch.zeros_like(sums.across)
    for tile in tiles_between(first, second, block):
        values = kernel(tile)
        sums.see_between(tile, values)
        if tile.row == tile.column:  # both have n rows, and so the same slices
            own[tile.rows] = values.diagonal()
    return sums.first + sums.second - sums.across - sums.down + 2 * own
