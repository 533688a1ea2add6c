"""Whether the gradients that a training uses are the derivatives of its losses, by differences in float64.

A layer whose derivative PyTorch gets wrong without an error, a wrong autograd.Function, a detached slope: training goes
on with them, towards something else. One directional derivative along random numbers shows them all.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import torch

from nablagan.checking.twin import PENALTY, PLAYERS, Tensors, Twin, directional
from nablagan.game import Game
from nablagan.penalties.guard import is_active_dropout, uses_own_statistics
from nablagan.types import Batch, InputError

ROWS = (4, 16)
"""Of the batch, tried in turn before the whole of it: a penalty on a fraction of the batch may need more."""
STEPS = (1e-7, 1e-6, 1e-8, 1e-5, 1e-9, 1e-4)
"""Of the differences, relative to the parameters, each along another direction; the first that agrees settles it.

The slope of a piecewise linear discriminator jumps where a ReLU does, so small steps come first: then hardly any of
10^5 units jumps on the way. Larger ones are for penalties that are themselves differences, and so less exact. A wrong
derivative disagrees at all of them.
"""
TOLERANCE = 1e-5
"""Of the relative error. Right derivatives reach 1e-7 or less; those that are known to be wrong miss by 0.1."""
NEGLIGIBLE = 1e-9
"""A disagreement below this share of the loss is rounding, in a loss that does not change along the direction."""
MOST_SUSPECTS = 3
Key = tuple[str, str]
"""(loss, player)."""


class Comparison(NamedTuple):
    """One directional derivative, by differentiation and by differences."""

    loss: str
    """`generator_loss`, `discriminator_loss` or `penalty_NAME` (unweighted)."""
    player: str
    """`generator` or `discriminator`: whose parameters move."""
    derivative: float
    difference: float
    error: float
    """|derivative - difference| over the larger of the two; 0 if both are rounding errors of the loss."""


class DerivativeCheck(NamedTuple):
    """What agreed."""

    comparisons: tuple[Comparison, ...]
    unjudged: tuple[str, ...]
    """Losses that are not finite on this batch, which differences cannot judge."""
    rows: int
    """Of the batch that were used."""
    tolerance: float

    @property
    def largest_error(self) -> float:
        """The largest relative error."""
        return max((comparison.error for comparison in self.comparisons), default=0.0)


def derivative_check(game: Game, batch: Batch, tolerance: float = TOLERANCE) -> DerivativeCheck:
    """How well derivatives of both losses and of each penalty agree with central differences along random directions.

    Each player's own loss is compared with the live gradient that updates use, the other loss and the penalties with
    reverse mode. All of it happens on a copy of the players in float64, a little beside their parameters so that
    nothing is zero or at a kink, on a few rows of the batch; random layers repeat their draws, spectral normalisation
    stands still, and the directions of aligned penalties are constants as in a step. Nothing of the game is moved.
    Costs about ten evaluations of both losses. Raises InputError, naming the loss and likely causes, for a derivative
    that no step size confirms, and for players that cannot be copied or computed in float64.

    >>> from nablagan.tasks import toys
    >>> derivative_check(toys.quadratic(a=3.0, b=2.0, c=1.0), toys.EMPTY).largest_error < 1e-6
    True
    """
    twin = _twin(game, batch)
    unjudged = tuple(name for name, value in twin.base.items() if not math.isfinite(value.size))
    pending = [key for key in _keys(twin) if key[0] not in unjudged]
    settled: dict[Key, Comparison] = {}
    gradients = {key: twin.gradient(*key) for key in pending}
    for step in STEPS:
        for found in _compared(twin, gradients, pending, step):
            key = found.loss, found.player
            settled[key] = min(settled.get(key, found), found, key=lambda comparison: comparison.error)
        pending = [key for key in pending if not settled[key].error <= tolerance]
        if not pending:
            break
    for key in pending:
        raise InputError(_complaint(game, twin, settled[key], tolerance))
    return DerivativeCheck(tuple(settled.values()), unjudged, twin.rows, tolerance)


def _twin(game: Game, batch: Batch) -> Twin:
    """On the first few rows that the game can be computed on."""
    size = len(batch.real)
    for rows in (rows for rows in ROWS if rows < size):
        with suppress(RuntimeError, ValueError):  # a wrong input of the whole batch is told below
            return Twin(game, batch, rows)
    return Twin(game, batch, size)


def _keys(twin: Twin) -> list[Key]:
    """Every comparison to be made, the most telling first: penalties, each player's own loss, the other's."""
    losses = sorted(twin.base, key=lambda name: not name.startswith(PENALTY))
    keys = [(loss, player) for loss in losses for player in PLAYERS if twin.parameters[player]]
    keys = [(loss, player) for loss, player in keys if not loss.startswith(PENALTY) or twin.base[loss].player == player]
    return sorted(keys, key=lambda key: not key[0].startswith(PENALTY) and key[0] != f"{key[1]}_loss")


def _compared(twin: Twin, gradients: dict[Key, Tensors], keys: list[Key], step: float) -> Iterator[Comparison]:
    for player in PLAYERS:
        losses = [loss for loss, mover in keys if mover == player]
        if not losses:
            continue
        direction = twin.direction(player)
        objectives = {twin.base[loss].player for loss in losses}
        differences = twin.differences(player, direction, step, objectives)
        for loss in losses:
            derivative = directional(gradients[loss, player], direction)
            error = _error(derivative, differences[loss], NEGLIGIBLE * twin.base[loss].size)
            yield Comparison(loss, player, derivative, differences[loss], error)


def _error(derivative: float, difference: float, negligible: float) -> float:
    if not (math.isfinite(derivative) and math.isfinite(difference)):
        return math.inf
    apart = abs(derivative - difference)
    return 0.0 if apart <= negligible else apart / max(abs(derivative), abs(difference))


def _complaint(game: Game, twin: Twin, found: Comparison, tolerance: float) -> str:
    own = found.loss == f"{found.player}_loss" or found.loss.startswith(PENALTY)
    what = found.loss.replace("_", " ", 1)
    causes = [*_suspects(game, twin, found.loss), "a detach, .item() or no_grad inside the loss or penalty"]
    causes += ["a layer or autograd.Function with a wrong backward"] if own else []
    return (
        f"the {what} does not change along the {found.player}'s parameters as its gradient says: differentiation gives "
        f"{found.derivative:.6g} along a random direction, differences give {found.difference:.6g} (relative error "
        f"{found.error:.2g}, at most {tolerance:.2g} is right); likely causes: {'; '.join(causes)}. Change that, or "
        "leave the check out (--no-derivative-check, train(..., check_derivatives=False))"
    )


def _suspects(game: Game, twin: Twin, loss: str) -> list[str]:
    """What is known to be differentiated wrongly, and what PyTorch does not differentiate by itself."""
    found = []
    for name, player in zip(PLAYERS, game.players, strict=True):
        for path, module in player.named_modules():
            where = f"the {name}'s {path} ({type(module).__name__})"
            if uses_own_statistics(module):
                found.append(
                    f"{where}, wrong behind forward mode and from the third order (players.layers.replace_norms)"
                )
            elif is_active_dropout(module):
                found.append(f"{where}, whose masks differ between calls")
    functions = sorted(set(_custom_functions(twin.base[loss].mean.grad_fn)))
    return found[:MOST_SUSPECTS] + [f"the autograd.Function {name}" for name in functions[:MOST_SUSPECTS]]


def _custom_functions(node: Any) -> Iterator[str]:
    """Names of the user's own functions in a graph."""
    seen, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [child for child, _ in node.next_functions]
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            yield type(node).__name__.removesuffix("Backward")
