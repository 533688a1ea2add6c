"""What an update did to both losses, to first order: the part of the audit that is cheap enough to repeat."""

from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.evaluating import check_points, embedded, field_at, gradient_at, losses_at
from nablagan.diagnostics.gradients import cosine
from nablagan.game import Game
from nablagan.types import Batch


class PlayerEffects(NamedTuple):
    """One player's side of the move (d_own, d_other); L is its loss, g its gradient in its own parameters."""

    own: float
    """<g, d_own>: the change of L expected from the player's own part, below 0 for a descent."""
    other: float
    """<grad_other L, d_other>: the change expected from the other's part."""
    own_realised: float
    """L with the own part alone, less L before."""
    other_realised: float
    """L with the other's part alone, less L before."""
    update_cosine: float
    """cos(d_own, -g): 1 for plain gradient descent; below 0 the update works against the gradient."""
    successive_cosine: float
    """cos(g before, g after) on this batch: near 1 the step is short; near -1 it jumps across a valley."""

    @property
    def own_ratio(self) -> float:
        """own_realised / own: 1 for short steps, 1/2 at the minimum along the step, below 0 where it overshoots."""
        return self.own_realised / self.own if self.own else float("nan")

    @property
    def other_ratio(self) -> float:
        """other / |own|: far above 1 for long, the other player outruns this one."""
        return self.other / abs(self.own) if self.own else float("nan")


class UpdateEffects(NamedTuple):
    """Both players' sides."""

    generator: PlayerEffects
    discriminator: PlayerEffects


def update_effects(game: Game, start: Tensor, end: Tensor, batch: Batch) -> UpdateEffects:
    """First-order prediction and outcome of the move from `start` to `end`, (n,) each, on `batch`.

    Costs three evaluations of both losses and three of the field, no second derivative (`update_audit` has the
    curvature too). A cosine with a zero vector is nan. Raises InputError for points of another size or dtype.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=2.0, b=0.0, c=1.0)  # L_G = x^2 + x y at (1, 1)
    >>> start = game.point()
    >>> effects = update_effects(game, start, start + torch.tensor([-0.5, 1.0]).double(), toys.EMPTY).generator
    >>> effects.own, effects.own_realised, effects.own_ratio, effects.other, round(effects.update_cosine, 9)
    (-1.5, -1.25, 0.8333333333333334, 1.0, 1.0)
    """
    check_points(game, start=start, end=end)
    parts = [embedded(game, end - start, player) for player in (0, 1)]
    before, *alone = (losses_at(game, batch, point) for point in (start, start + parts[0], start + parts[1]))
    fields = field_at(game, batch, end).split(game.sizes)
    return UpdateEffects(*(_side(game, start, batch, p, parts, before, alone, fields[p]) for p in (0, 1)))


def _side(
    game: Game,
    start: Tensor,
    batch: Batch,
    player: int,
    parts: list[Tensor],
    before: Tensor,
    alone: list[Tensor],
    after: Tensor,
) -> PlayerEffects:
    gradient = gradient_at(game, batch, start, player)
    own = embedded(game, gradient, player)
    values = (
        gradient.dot(parts[player]),
        gradient.dot(parts[1 - player]),
        alone[player][player] - before[player],
        alone[1 - player][player] - before[player],
    )
    first, second = cosine(parts[player], -own), cosine(own.split(game.sizes)[player], after)
    return PlayerEffects(*torch.stack(values).tolist(), update_cosine=first, successive_cosine=second)
