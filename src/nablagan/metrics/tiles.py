"""Inner products of two arrays, a tile at a time, so that no (n, m) matrix is ever held."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from nablagan.types import InputError

BLOCK = 1024
"""Rows of a tile, at most: a tile of float64 is 8 MiB, and a handful are alive at once."""
GROUPS = 10
"""Parts that the delete-a-group jackknife leaves out, each a tenth of the tiles."""
ROUNDING = 1e-13
"""Squared distances below this share of |x|^2 + |y|^2 are copies: what float64 leaves of x^2 + y^2 - 2xy."""


@dataclass(frozen=True)
class Tile:
    """x . y for some rows x of one array and some rows y of another."""

    row: int
    """Which slice of the first array."""
    column: int
    rows: slice
    columns: slice
    products: Tensor
    """(p, q) float64."""
    row_squares: Tensor
    """|x|^2 (p,)."""
    column_squares: Tensor
    dimensions: int

    @cached_property
    def squared_distances(self) -> Tensor:
        """|x - y|^2 (p, q), exactly 0 for copies."""
        sums = self.row_squares.unsqueeze(1) + self.column_squares
        distances = torch.sub(sums, self.products, alpha=2)
        return distances.masked_fill_(distances <= ROUNDING * sums, 0.0)


def slices(count: int, tiles: int) -> list[slice]:
    """`tiles` neighbouring slices of nearly equal length.

    >>> slices(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    edges = [count * tile // tiles for tile in range(tiles + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def tile_count(count: int, block: int) -> int:
    """How many slices an array is cut into: none longer than `block`, none empty, GROUPS or a multiple where it can be.

    Raises InputError for a block below 1.
    """
    if block < 1:
        raise InputError(f"block {block}: the rows of a tile; give 1 or more (default {BLOCK})")
    return min(count, GROUPS * -(-count // (GROUPS * block)))


def tiles_between(f: Tensor, g: Tensor, block: int = BLOCK) -> Iterator[Tile]:
    """All tiles of f g^T."""
    parts = slices(len(g), tile_count(len(g), block))
    for row, rows in enumerate(slices(len(f), tile_count(len(f), block))):
        x, x_squares = _widened(f[rows])
        for column, columns in enumerate(parts):
            y, y_squares = _widened(g[columns])
            yield Tile(row, column, rows, columns, x @ y.T, x_squares, y_squares, f.shape[1])


def tiles_within(f: Tensor, block: int = BLOCK) -> Iterator[Tile]:
    """The tiles of f f^T on and above the diagonal."""
    parts = slices(len(f), tile_count(len(f), block))
    for row, rows in enumerate(parts):
        x, x_squares = _widened(f[rows])
        for column in range(row, len(parts)):
            y, y_squares = (x, x_squares) if column == row else _widened(f[parts[column]])
            yield Tile(row, column, rows, parts[column], x @ y.T, x_squares, y_squares, f.shape[1])


def _widened(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in float64 and their squared norms."""
    wide = rows.double()
    return wide, wide.square().sum(1)
