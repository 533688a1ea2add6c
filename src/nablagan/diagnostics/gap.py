"""How much either player could still gain alone: the duality gap, searched for in a few steps."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.evaluating import embedded, gradient_at, hessian_product_at, losses_at
from nablagan.game import Game
from nablagan.types import Batch, InputError

HALVINGS = 12
"""How often a step that does not lower the loss is halved before the search ends."""


class DualityGap(NamedTuple):
    """What each player would gain by its best answer to the other as it stands, >= 0 each."""

    generator: float
    """L_G - min over theta' of L_G(theta', psi)"""
    discriminator: float
    """L_D - min over psi' of L_D(theta, psi')"""

    @property
    def total(self) -> float:
        """The sum: in a zero-sum game max_psi' V(theta, psi') - min_theta' V(theta', psi); 0 at a local equilibrium."""
        return self.generator + self.discriminator


def duality_gap(game: Game, batch: Batch, steps: int = 20, radius: float = math.inf) -> DualityGap:
    """The local gap: each player's gain within `steps` steps and `radius` of the current point (Grnarova et al. 2019).

    A falling gap is progress, also where both losses stand still. The search is by nonlinear conjugate gradients, whose
    lengths come from the curvature along each direction and are halved until the loss falls: there is no rate to
    choose, and a quadratic loss of k parameters is solved exactly in k steps. Elsewhere it is a lower bound of the gap
    within `radius`. It is inf where a direction without positive curvature leads on without end: then give a radius,
    such as the way that a few hundred updates go. Costs a gradient, a Hessian-vector product and one or more losses a
    step and player. Raises InputError for steps < 1 or radius <= 0.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=2.0, b=1.0, c=1.0)  # (a + c^2/b) x^2 / 2 + (b + c^2/a) y^2 / 2 at (1, 1)
    >>> duality_gap(game, toys.EMPTY).total
    2.25
    """
    if steps < 1 or not radius > 0:
        raise InputError(f"{steps} steps within {radius}: give steps >= 1 and a radius > 0")
    return DualityGap(*(_gain(game, batch, player, steps, radius) for player in (0, 1)))


def _gain(game: Game, batch: Batch, player: int, steps: int, radius: float) -> float:
    """How much the player's loss falls in the search."""
    start, moved = game.point(), torch.zeros_like(game.point())

    def loss(move: Tensor) -> float:
        return losses_at(game, batch, start + move)[player].item()

    here = first = loss(moved)
    direction = slope = torch.zeros_like(start)
    for _ in range(steps):
        before, slope = slope, embedded(game, gradient_at(game, batch, start + moved, player), player)
        direction = _direction(slope, before, direction)
        if direction.dot(direction) == 0:  # nothing to follow, or so little that its square underflows
            break
        bent = hessian_product_at(game, batch, start + moved, player, direction)
        length = _length(moved, direction, slope, bent, radius)
        if not math.isfinite(length):
            return length
        found = _lower(loss, here, moved, length * direction)
        if found is None:
            break
        here, moved = found
    return first - here


def _direction(slope: Tensor, before: Tensor, direction: Tensor) -> Tensor:
    """The next conjugate direction (Polak and Ribiere, not below steepest descent)."""
    square = before.dot(before)
    weight = torch.clamp(slope.dot(slope - before) / square, min=0) if square > 0 else 0.0
    following = weight * direction - slope
    return following if following.dot(slope) < 0 else -slope


def _length(moved: Tensor, direction: Tensor, slope: Tensor, bent: Tensor, radius: float) -> float:
    """To the minimum along the direction by its curvature, but no further than the edge of the ball."""
    curvature, fall = direction.dot(bent).item(), -direction.dot(slope).item()
    best = math.inf if curvature <= 0 else fall / curvature
    if math.isinf(radius):
        return best
    a, b, c = (direction.dot(direction).item(), moved.dot(direction).item(), radius**2 - moved.dot(moved).item())
    edge = (math.sqrt(max(b * b + a * c, 0.0)) - b) / a
    return min(best, max(edge, 0.0))


def _lower(loss: Callable[[Tensor], float], here: float, moved: Tensor, step: Tensor) -> tuple[float, Tensor] | None:
    """(loss, move) after the longest of step, step/2, step/4, ... that lowers the loss, if any does."""
    for halving in range(HALVINGS):
        move = moved + step * 0.5**halving
        value = loss(move)
        if value < here:
            return value, move
    return None
