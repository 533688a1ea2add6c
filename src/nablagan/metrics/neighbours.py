"""Precision, recall, density and coverage: who lies within whose k nearest neighbours, a tile at a time."""

from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked_pair
from nablagan.metrics.intervals import Estimate, from_groups
from nablagan.metrics.tiles import BLOCK, GROUPS, Tile, slices, tile_count, tiles_between, tiles_within
from nablagan.types import InputError


class PrecisionRecall(NamedTuple):
    """Shares, 0 to 1."""

    precision: float
    """Of generated samples within the k-th neighbour's distance of a real one."""
    recall: float
    """Of real samples within the k-th neighbour's distance of a generated one."""


class DensityCoverage(NamedTuple):
    """Density 1 and coverage near 1 for equal distributions."""

    density: float
    """Mean number of real samples that hold a generated one in their k neighbourhood, divided by k; can exceed 1."""
    coverage: float
    """Share of real samples with a generated one in their k neighbourhood."""


class NeighbourEstimates(NamedTuple):
    """The four with intervals of the delete-a-group jackknife."""

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate


def precision_recall(real: Array, fake: Array, k: int = 3, block: int = BLOCK) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al. 2019, equations 1 and 2).

    real (n, d), fake (m, d), n, m > k. Balls are closed: a copy of k + 1 equal samples is within them. Both depend on n
    and m: compare equal ones. Memory: tiles of `block` x `block` and the k neighbours of each tile for each sample,
    (n + m) k n/block numbers. Raises InputError.

    >>> real = torch.arange(6.0).unsqueeze(1)
    >>> precision_recall(real, real[:5] + 10, k=3)  # only 5 reaches as far as the 3rd neighbour of 10
    PrecisionRecall(precision=0.0, recall=0.0)
    """
    figures = _figures(*_checked(real, fake, k), k, block)[0]
    return PrecisionRecall(float(figures[0]), float(figures[1]))


def density_coverage(real: Array, fake: Array, k: int = 5, block: int = BLOCK) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020, equations 6 and 7); cost, closed balls and errors of precision_recall.

    >>> real = torch.arange(6.0).unsqueeze(1)
    >>> density_coverage(real, real, k=1).coverage
    1.0
    """
    figures = _figures(*_checked(real, fake, k), k, block)[0]
    return DensityCoverage(float(figures[2]), float(figures[3]))


class Nearest:
    """Squared distances to the k nearest others, of each slice of an array apart, so that slices can be left out."""

    def __init__(self, features: Tensor, k: int, block: int) -> None:
        self.tiles = tile_count(len(features), block)
        shape = len(features), self.tiles, k
        self.squares = torch.full(shape, torch.inf, dtype=torch.float64, device=features.device)
        self.groups = _sample_groups(len(features), self.tiles).to(features.device)

    def see(self, tile: Tile) -> None:
        """Takes in a tile on or above the diagonal, of the array with itself."""
        if tile.row == tile.column:
            self._keep(tile.rows, tile.row, tile.squared_distances.clone().fill_diagonal_(torch.inf))
            return
        self._keep(tile.rows, tile.column, tile.squared_distances)
        self._keep(tile.columns, tile.row, tile.squared_distances.T)

    def radii(self, k: int, without: int = -1) -> Tensor:
        """The k-th smallest squared distance (n,), without one group's samples as neighbours."""
        return self.squares[:, kept_tiles(self.tiles, without)].flatten(1).kthvalue(k).values

    def _keep(self, rows: slice, tile: int, squares: Tensor) -> None:
        k = min(self.squares.shape[2], squares.shape[1])
        self.squares[rows, tile, :k] = squares.topk(k, dim=1, largest=False).values


class Balls:
    """Who lies in whose ball, seen tile by tile, for everything (case -1) and without each group."""

    def __init__(self, real: Nearest, fake: Nearest, k: int, coverage_k: int, groups: int) -> None:
        self.cases, self.coverage_k = [-1, *range(groups)], coverage_k
        self.real_radii, self.fake_radii, self.coverage_radii = (
            torch.stack([nearest.radii(neighbour, case) for case in self.cases])
            for nearest, neighbour in ((real, k), (fake, k), (real, coverage_k))
        )
        self.precise = torch.zeros_like(self.fake_radii, dtype=torch.bool)
        self.recalled = torch.zeros_like(self.real_radii, dtype=torch.bool)
        self.holders = torch.zeros_like(self.fake_radii, dtype=torch.int64)
        self.closest = real.squares.new_full((len(real.groups), fake.tiles), torch.inf)
        self.groups = real.groups, fake.groups

    def see(self, tile: Tile) -> None:
        """Takes in a tile of real samples (rows) with generated ones (columns)."""
        squares, rows, columns = tile.squared_distances, tile.rows, tile.columns
        self.closest[rows, tile.column] = squares.amin(1)
        for index, case in enumerate(self.cases):
            if group_of(tile.row) != case:
                self.precise[index, columns] |= (squares <= self.real_radii[index, rows, None]).any(0)
                self.holders[index, columns] += (squares <= self.coverage_radii[index, rows, None]).sum(0)
            if group_of(tile.column) != case:
                self.recalled[index, rows] |= (squares <= self.fake_radii[index, columns]).any(1)

    def figures(self) -> Tensor:
        """Precision, recall, density, coverage (cases, 4), of everything first, then without each group."""
        return torch.stack([self._without(index, case) for index, case in enumerate(self.cases)])

    def _without(self, index: int, case: int) -> Tensor:
        real, fake = (groups != case for groups in self.groups)
        closest = self.closest[:, kept_tiles(self.closest.shape[1], case)].amin(1)
        covered = (closest <= self.coverage_radii[index])[real]
        holders = self.holders[index, fake].double() / self.coverage_k
        shares = self.precise[index, fake], self.recalled[index, real], holders, covered
        return torch.stack([share.double().mean() for share in shares])


def group_of(tile: int) -> int:
    """The jackknife's group of a tile's samples."""
    return tile % GROUPS


def kept_tiles(tiles: int, without: int) -> list[int]:
    """The tiles outside one group."""
    return [tile for tile in range(tiles) if group_of(tile) != without]


def neighbour_estimates(figures: Tensor) -> NeighbourEstimates:
    """Intervals from the figures of `Balls`."""
    value, without = figures[0].tolist(), figures[1:]
    most = (1.0, 1.0, float("inf"), 1.0)
    return NeighbourEstimates(*(from_groups(value[i], without[:, i], 0.0, most[i]) for i in range(4)))


def check_neighbours(name: str, features: Tensor, k: int) -> None:
    """Raises InputError where a sample has no k-th neighbour."""
    if k < 1:
        raise InputError(f"k = {k} neighbours: give 1 or more")
    if len(features) < k + 1:
        raise InputError(f"{name}: {len(features)} samples have no {k}-th neighbour; give at least {k + 1}")


def _checked(real: Array, fake: Array, k: int) -> tuple[Tensor, Tensor]:
    pair = checked_pair(real, fake, names=("real", "fake"))
    for name, features in zip(("real", "fake"), pair, strict=True):
        check_neighbours(name, features, k)
    return pair


def _figures(real: Tensor, fake: Tensor, k: int, block: int) -> Tensor:
    """(1, 4): without intervals."""
    sides = Nearest(real, k, block), Nearest(fake, k, block)
    for features, nearest in zip((real, fake), sides, strict=True):
        for tile in tiles_within(features, block):
            nearest.see(tile)
    balls = Balls(*sides, k, k, groups=0)
    for tile in tiles_between(real, fake, block):
        balls.see(tile)
    return balls.figures()


def _sample_groups(count: int, tiles: int) -> Tensor:
    """The group (count,) of each sample: that of its tile."""
    ends = torch.tensor([part.stop for part in slices(count, tiles)])
    return torch.searchsorted(ends, torch.arange(count), right=True) % GROUPS
