"""Losses and their derivatives at any point, the game itself left where it is."""

from collections.abc import Callable

import torch
from torch import Tensor

from nablagan.game import Game, Jacobian
from nablagan.pure import frozen
from nablagan.types import Batch, InputError


def losses_at(game: Game, batch: Batch, point: Tensor) -> Tensor:
    """(L_G, L_D), (2,), at a point (n,)."""
    with frozen(*game.players):
        return game.mean(torch.stack(tuple(game._losses(*game._split(point), batch))))


def field_at(game: Game, batch: Batch, point: Tensor) -> Tensor:
    """v, (n,), at a point (n,)."""
    return Jacobian(game, batch, point=point).field


def gradient_at(game: Game, batch: Batch, point: Tensor, player: int) -> Tensor:
    """The gradient of one player's loss in both players' parameters, (n,); `player` is 0 for L_G, 1 for L_D."""
    with frozen(*game.players):
        return game.mean(torch.func.grad(_loss(game, batch, player))(point))


def directional_derivatives_at(game: Game, batch: Batch, point: Tensor, direction: Tensor) -> Tensor:
    """(D_u L_G, D_u L_D), (2,), at a point (n,) along u = `direction` (n,), by one forward-mode pass."""
    with frozen(*game.players):
        both = torch.func.jvp(lambda w: torch.stack(game._losses(*game._split(w), batch)), (point,), (direction,))
        return game.mean(both[1])


def hessian_product_at(game: Game, batch: Batch, point: Tensor, player: int, vector: Tensor) -> Tensor:
    """H u, (n,), H the Hessian of one player's loss in both players' parameters, by forward over reverse."""
    with frozen(*game.players):
        return game.mean(torch.func.jvp(torch.func.grad(_loss(game, batch, player)), (point,), (vector,))[1])


def _loss(game: Game, batch: Batch, player: int) -> Callable[[Tensor], Tensor]:
    return lambda point: game._losses(*game._split(point), batch)[player]


def check_points(game: Game, **points: Tensor) -> None:
    """Raise InputError unless each is a point of the game, by the names they are given under."""
    for name, point in points.items():
        game._check(point, name)


def check_apart(start: Tensor, end: Tensor) -> None:
    """Raise InputError unless there is a way from one point to the other."""
    if torch.equal(start, end):
        raise InputError("start and end are the same point: give two points that differ, such as two checkpoints")


def embedded(game: Game, point: Tensor, player: int) -> Tensor:
    """A copy of a flat vector (n,) with the other player's part set to zero; `player` is 0 for G, 1 for D.

    >>> from nablagan.tasks import toys
    >>> embedded(toys.dirac(), torch.tensor([3.0, 4.0]), player=1)
    tensor([0., 4.])
    """
    theta, psi = point.split(game.sizes)
    return torch.cat([torch.zeros_like(theta), psi]) if player else torch.cat([theta, torch.zeros_like(psi)])
