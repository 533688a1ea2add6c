"""What an update was expected to do to both losses, and what it did."""

from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.evaluating import check_points, embedded, gradient_at, hessian_product_at, losses_at
from nablagan.game import Game
from nablagan.types import Batch


class PlayerAudit(NamedTuple):
    """One player's loss L under the move (d_own, d_other), all changes of L; own and other are parts of the move."""

    own: float
    """<grad_own L, d_own>: expected from the player's own part. Positive: momentum works against the gradient."""
    other: float
    """<grad_other L, d_other>: expected from the other's. Far above |own| for long: the other outruns this player."""
    own_curvature: float
    """<d_own, H d_own>/2; above |own| in size: the learning rate is too large."""
    other_curvature: float
    """<d_other, H d_other>/2."""
    cross: float
    """<d_own, H d_other>: the interaction of the two parts, to second order."""
    realised: float
    """L(after) - L(before)."""
    own_realised: float
    """L with the own part alone, less L(before)."""
    other_realised: float
    """L with the other's part alone, less L(before)."""

    @property
    def interaction(self) -> float:
        """What the two parts do together beyond what each does alone, from four evaluations; `cross` + O(|d|^3)."""
        return self.realised - self.own_realised - self.other_realised

    @property
    def predicted(self) -> float:
        """own + other: the directional derivative of L along the move."""
        return self.own + self.other


class UpdateAudit(NamedTuple):
    """One audit for each player."""

    generator: PlayerAudit
    discriminator: PlayerAudit


def update_audit(game: Game, start: Tensor, end: Tensor, batch: Batch) -> UpdateAudit:
    """Predicted and realised changes of L_G and L_D on `batch` by the move from `start` to `end`, both (n,).

    Taylor: L(end) - L(start) = own + other + own_curvature + other_curvature + cross + O(|end - start|^3). Costs four
    evaluations of the losses, two gradients and four Hessian-vector products. Differences of losses are rounded to the
    losses' own precision: in float32 a change below 1e-7 of a loss is noise. Raises InputError for points of another
    size or dtype.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=2.0, b=0.0, c=1.0)  # L_G = x^2 + x y at (1, 1)
    >>> start = game.point()
    >>> audit = update_audit(game, start, start + torch.tensor([0.5, -1.0]).double(), toys.EMPTY).generator
    >>> audit.own, audit.other, audit.own_curvature, audit.cross, audit.interaction, audit.realised
    (1.5, -1.0, 0.25, -0.5, -0.5, 0.25)
    """
    check_points(game, start=start, end=end)
    parts = [embedded(game, end - start, player) for player in (0, 1)]
    corners = [losses_at(game, batch, point) for point in (start, start + parts[0], start + parts[1], end)]
    return UpdateAudit(*(_player_audit(game, start, batch, player, parts, corners) for player in (0, 1)))


def _player_audit(
    game: Game, start: Tensor, batch: Batch, player: int, parts: list[Tensor], corners: list[Tensor]
) -> PlayerAudit:
    """`corners` are both losses before, with the generator's part, with the discriminator's, and after."""
    own, other = parts[player], parts[1 - player]
    gradient = gradient_at(game, batch, start, player)
    bent, other_bent = (hessian_product_at(game, batch, start, player, part) for part in (own, other))
    before, alone, other_alone, after = (corners[k][player] for k in (0, 1 + player, 2 - player, 3))
    terms = (
        gradient.dot(own),
        gradient.dot(other),
        0.5 * own.dot(bent),
        0.5 * other.dot(other_bent),
        own.dot(other_bent),
        after - before,
        alone - before,
        other_alone - before,
    )
    return PlayerAudit(*torch.stack(terms).tolist())
