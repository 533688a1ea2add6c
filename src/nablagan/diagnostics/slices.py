"""Both losses along a line or over a plane through a point, and directions to look along (Li et al. 2018)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.evaluating import (
    check_points,
    directional_derivatives_at,
    embedded,
    hessian_product_at,
    losses_at,
)
from nablagan.game import Game
from nablagan.pure import trainable
from nablagan.types import Batch, InputError


class PlayerSlice(NamedTuple):
    """One player's loss L along the line w + t u."""

    losses: Tensor
    """(k,) L at each t of the slice."""
    value: float
    """L at the point, t = 0."""
    slope: float
    """dL/dt there: the directional derivative along u, by forward mode."""
    curvature: float
    """d^2L/dt^2 there: <u, H u>. Below 0 at rest along one's own part: a saddle, which for a generator is no fault."""

    def parabola(self, amounts: Tensor) -> Tensor:
        """value + slope t + curvature t^2 / 2 at each t, (k,): where the losses leave it, second order ends."""
        return self.value + self.slope * amounts + 0.5 * self.curvature * amounts.square()


class LossSlice(NamedTuple):
    """Both losses along one line."""

    amounts: Tensor
    """(k,) the values of t."""
    generator: PlayerSlice
    discriminator: PlayerSlice


class LossPlane(NamedTuple):
    """Both losses over w + s u + t q; entry [i, j] is at s = amounts[i], t = amounts[j]."""

    amounts: Tensor
    """(k,)"""
    generator: Tensor
    """(k, k) L_G"""
    discriminator: Tensor
    """(k, k) L_D"""


def loss_slice(game: Game, point: Tensor, direction: Tensor, batch: Batch, amounts: Sequence[float]) -> LossSlice:
    """L_G and L_D at point + t direction for each t of `amounts`, with slope and curvature at the point.

    A direction (n,) may be an update (end - start), one player's part of it (`embedded`), or one made by
    `filter_normalised_direction`; t is counted in it, so t = 1 is the end of an update. Costs one evaluation of both
    losses for each amount and one more, one directional derivative and two Hessian-vector products. Raises InputError
    for a point or direction of another size or dtype, and for amounts that are not finite or none.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=2.0, b=0.0, c=1.0)  # L_G = x^2 + x y at (1, 1)
    >>> along = torch.tensor([1.0, 0.0]).double()
    >>> found = loss_slice(game, game.point(), along, toys.EMPTY, (-1.0, 0.0, 1.0)).generator
    >>> found.losses.tolist(), found.value, found.slope, found.curvature
    ([0.0, 2.0, 6.0], 2.0, 3.0, 2.0)
    """
    check_points(game, point=point, direction=direction)
    steps = _checked(amounts, point)
    losses = torch.stack([losses_at(game, batch, point + step * direction) for step in steps], 1)
    values = losses_at(game, batch, point)
    slopes = directional_derivatives_at(game, batch, point, direction)
    bends = [hessian_product_at(game, batch, point, player, direction).dot(direction).item() for player in (0, 1)]
    figures = zip(losses, values.tolist(), slopes.tolist(), bends, strict=True)
    return LossSlice(steps, *(PlayerSlice(*player) for player in figures))


def loss_plane(
    game: Game, point: Tensor, first: Tensor, second: Tensor, batch: Batch, amounts: Sequence[float]
) -> LossPlane:
    """L_G and L_D at point + s first + t second for all s and t of `amounts`.

    For instance the generator's and the discriminator's part of an update: how the two steps mix. Costs k^2 evaluations
    of both losses. Raises InputError as `loss_slice` does.

    >>> from nablagan.tasks import toys
    >>> game, (x, y) = toys.bilinear(torch.tensor([[2.0]])), torch.eye(2)  # L_G = 2 x y at (1, 1)
    >>> loss_plane(game, game.point(), x, y, toys.EMPTY, (0.0, 1.0)).generator
    tensor([[2., 4.],
            [4., 8.]])
    """
    check_points(game, point=point, first=first, second=second)
    steps = _checked(amounts, point)
    corners = [losses_at(game, batch, point + s * first + t * second) for s in steps for t in steps]
    return LossPlane(steps, *torch.stack(corners, 1).unflatten(1, (len(steps), len(steps))))


def filter_normalised_direction(game: Game, seed: int, player: int | None = None) -> Tensor:
    """A random direction (n,), each filter of which is as long as the game's own there (Li et al. 2018, section 4).

    So t = 1 changes every filter by its own length, and slices of differently scaled nets can be compared. Filters are
    the entries along a parameter's first axis; an entry of a bias or gain is one of its own. Of `player` 0 (generator)
    or 1 only, the other's part is zero; of both by default. Raises InputError for another player.

    >>> from nablagan.tasks import toys
    >>> abs(filter_normalised_direction(toys.quadratic(a=1.0, b=1.0, c=1.0), seed=0, player=1)).tolist()
    [0.0, 1.0]
    """
    # Unlike the paper's code: it copies parameters of one axis, or leaves them out; here they have random signs.
    if player not in (None, 0, 1):
        raise InputError(f"player is {player}: give 0 for the generator, 1 for the discriminator, or None for both")
    draws = torch.Generator().manual_seed(seed)
    parameters = [p for one in game.players for p in trainable(one).values()]
    direction = torch.cat([_filter_normalised(torch.randn(p.shape, generator=draws), p) for p in parameters])
    return direction if player is None else embedded(game, direction, player)


@torch.no_grad()
def _filter_normalised(noise: Tensor, parameter: Tensor) -> Tensor:
    """Flat, like the parameter; the lengths are taken in float32 or better."""
    wide = parameter.to(torch.promote_types(parameter.dtype, torch.float32))
    drawn, own = (x.reshape(-1, 1) if x.ndim < 2 else x.flatten(1) for x in (noise.to(wide), wide))
    scaled = drawn * (own.norm(dim=1, keepdim=True) / drawn.norm(dim=1, keepdim=True))
    return scaled.flatten().to(parameter.dtype)


def _checked(amounts: Sequence[float], point: Tensor) -> Tensor:
    """(k,) like the point."""
    steps = torch.as_tensor(amounts, dtype=point.dtype, device=point.device)
    if steps.ndim != 1 or not len(steps) or not steps.isfinite().all():
        raise InputError(f"amounts are {amounts}: give a sequence of finite numbers, such as (-1.0, 0.0, 1.0)")
    return steps
