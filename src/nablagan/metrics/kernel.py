"""The kernel distance: unbiased squared maximum mean discrepancy, with the interval of a U-statistic."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked_pair
from nablagan.metrics.intervals import Estimate, from_deviation
from nablagan.metrics.tiles import BLOCK, Tile, tiles_between, tiles_within
from nablagan.types import InputError

Kernel = Callable[[Tile], Tensor]
"""k(x, y) (p, q) of the rows of a tile."""


def polynomial(tile: Tile) -> Tensor:
    """(x . y / d + 1)^3, the kernel of the Kernel Inception Distance (Binkowski et al. 2018)."""
    base = tile.products / tile.dimensions + 1
    return base * base * base


def gaussian(bandwidth: float) -> Kernel:
    """exp(-|x - y|^2 / (2 bandwidth^2)). Raises InputError unless bandwidth > 0."""
    if not bandwidth > 0:
        raise InputError(f"bandwidth {bandwidth}: give a positive length, e.g. the median distance of real features")
    return lambda tile: torch.exp(tile.squared_distances / (-2 * bandwidth**2))


def kernel_distance(f: Array, g: Array, kernel: Kernel = polynomial, block: int = BLOCK) -> float:
    """MMD^2: E k(x, x') + E k(y, y') - 2 E k(x, y) over distinct pairs (Gretton et al. 2012, equation 3).

    f (n, d), g (m, d), n, m >= 2. Unbiased, so that it can be below 0 and does not depend on n in the mean. Memory:
    tiles of `block` x `block`. Raises InputError.

    >>> f = torch.tensor([[0.0], [2.0]])
    >>> kernel_distance(f, f)  # 1 + 1 - (1 + 1 + 1 + 125) / 2
    -62.0
    """
    return kernel_estimate(f, g, kernel, block).value


def kernel_estimate(f: Array, g: Array, kernel: Kernel = polynomial, block: int = BLOCK) -> Estimate:
    """`kernel_distance` with its 95 % interval. Raises InputError."""
    first, second = checked_pair(f, g)
    sums = KernelSums(first, second)
    for tile in tiles_within(first, block):
        sums.see_first(tile, kernel(tile))
    for tile in tiles_within(second, block):
        sums.see_second(tile, kernel(tile))
    for tile in tiles_between(first, second, block):
        sums.see_between(tile, kernel(tile))
    return sums.estimate()


class KernelSums:
    """What the distance and its variance need of the kernel's matrices: sums of rows, columns and squares."""

    def __init__(self, first: Tensor, second: Tensor) -> None:
        self.first, self.second, self.across, self.down = (
            torch.zeros(len(each), dtype=torch.float64, device=each.device) for each in (first, second, first, second)
        )
        self.squares = torch.zeros(3, dtype=torch.float64, device=first.device)

    def see_first(self, tile: Tile, values: Tensor) -> None:
        """Takes in a tile on or above the diagonal, of the first array with itself."""
        self.squares[0] += _add_within(self.first, tile, values)

    def see_second(self, tile: Tile, values: Tensor) -> None:
        """Likewise of the second array."""
        self.squares[1] += _add_within(self.second, tile, values)

    def see_between(self, tile: Tile, values: Tensor) -> None:
        """Takes in a tile of the first array with the second."""
        self.across[tile.rows] += values.sum(1)
        self.down[tile.columns] += values.sum(0)
        self.squares[2] += values.square().sum()

    def estimate(self) -> Estimate:
        """MMD^2 and its interval."""
        n, m = len(self.first), len(self.second)
        value = (self.first.mean() / (n - 1) + self.second.mean() / (m - 1) - 2 * self.across.mean() / m).item()
        return from_deviation(value, math.sqrt(self._variance(n, m)))

    def _variance(self, n: int, m: int) -> float:
        """Var = 4 Z1/n + 4 Z2/m + 2 E11/n^2 + 2 E22/m^2 + 4 E12/nm (Hoeffding 1948; Sutherland et al. 2017).

        Z are the variances of conditional means E k(x, x') - E k(x, y), E those of what is left of k without
        conditional means. Row means estimate the former with the latter added once too often: it is taken off.
        """
        xx, yy = self.first / (n - 1), self.second / (m - 1)
        linear = 4 * (xx - self.across / m).var() / n + 4 * (yy - self.down / n).var() / m
        rest_xx = self.squares[0] / (n * (n - 1)) - xx.mean().square() - 2 * xx.var()
        rest_yy = self.squares[1] / (m * (m - 1)) - yy.mean().square() - 2 * yy.var()
        rows, columns = self.across / m, self.down / n
        rest_xy = self.squares[2] / (n * m) - rows.mean().square() - rows.var() - columns.var()
        rest = 2 * rest_xx / n**2 + 2 * rest_yy / m**2 + 4 * rest_xy / (n * m)
        return max((linear - rest).item(), abs(rest).item())


def _add_within(sums: Tensor, tile: Tile, values: Tensor) -> Tensor:
    """Adds a symmetric tile to the sums of rows, without the diagonal; returns the sum of squares."""
    if tile.row == tile.column:
        values = values.clone().fill_diagonal_(0.0)
        sums[tile.rows] += values.sum(1)
        return values.square().sum()
    sums[tile.rows] += values.sum(1)
    sums[tile.columns] += values.sum(0)
    return 2 * values.square().sum()
