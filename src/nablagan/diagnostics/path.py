"""The field along the straight line between two points, such as two checkpoints (Berard et al. 2020)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.evaluating import check_apart, check_points, field_at
from nablagan.game import Game
from nablagan.types import Batch


class Path(NamedTuple):
    """Readings at each position, (k,) each."""

    positions: Tensor
    """0 at the start, 1 at the end."""
    angles: Tensor
    """`path_angle` there, -1 to 1."""
    norms: Tensor
    """`path_norm` there."""


POSITIONS = tuple(round(-0.1 + 0.05 * k, 2) for k in range(25))
"""From 0.1 before the start to 0.1 beyond the end, as in the paper."""


def along_path(game: Game, start: Tensor, end: Tensor, batch: Batch, positions: Sequence[float] | None = None) -> Path:
    """`path_angle` and `path_norm` at each of `positions`, by default POSITIONS; one evaluation of the field each.

    How it is read: the angle jumps from -1 to +1 across the end: play is attracted to it. It has a bump without a
    jump: play rotates about it. Both, one after the other: it is attracted and rotates. A small norm at the end beside
    a large one elsewhere: the end is nearly at rest. Raises InputError for points of another size or dtype, or equal.

    >>> from nablagan.tasks import toys
    >>> game, (start, end) = toys.quadratic(a=1.0, b=1.0, c=0.0), torch.tensor([[1.0, 1.0], [0.0, 0.0]]).double()
    >>> along_path(game, start, end, toys.EMPTY, positions=(0.0, 0.9, 1.1)).angles
    tensor([-1.0000, -1.0000,  1.0000], dtype=torch.float64)
    """
    check_points(game, start=start, end=end)
    check_apart(start, end)
    positions = POSITIONS if positions is None else positions
    readings = [_reading(field_at(game, batch, start + at * (end - start)), end - start) for at in positions]
    angles, norms = torch.stack(readings).unbind(1)
    return Path(torch.tensor(positions, dtype=start.dtype), angles, norms)


def path_angle(game: Game, start: Tensor, end: Tensor, at: float, batch: Batch) -> float:
    """Cosine between the field v at start + at (end - start) and the direction end - start (Berard et al. 2020).

    -1: a step of descent, along -v, goes towards the end; +1: back to the start; nan where v = 0. Their published code
    has the opposite sign. Costs one evaluation of the field. Raises InputError as `along_path` does.

    >>> from nablagan.tasks import toys
    >>> game, (start, end) = toys.quadratic(a=0.0, b=0.0, c=1.0), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).double()
    >>> path_angle(game, start, end, 0.25, toys.EMPTY) == 0
    True
    """
    return along_path(game, start, end, batch, (at,)).angles.item()


def path_norm(game: Game, start: Tensor, end: Tensor, at: float, batch: Batch) -> float:
    """|v| at start + at (end - start); 0 at an equilibrium. Costs and errors as `path_angle`.

    >>> from nablagan.tasks import toys
    >>> game, (start, end) = toys.quadratic(a=2.0, b=2.0, c=0.0), torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double()
    >>> path_norm(game, start, end, 0.25, toys.EMPTY)
    1.5
    """
    return along_path(game, start, end, batch, (at,)).norms.item()


def _reading(field: Tensor, direction: Tensor) -> Tensor:
    """(cosine, norm)."""
    return torch.stack([field.dot(direction) / (field.norm() * direction.norm()), field.norm()])
