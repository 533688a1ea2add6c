"""One checkpoint examined on two groups of batches: all figures, as plain JSON."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor

from nablagan.diagnosis.averaged import Averaged, KeptJacobian
from nablagan.diagnosis.figures import Figures
from nablagan.diagnosis.verdict import UNKNOWN, Setting, verdict
from nablagan.diagnostics import (
    Operator,
    Spectrum,
    alternating_operator,
    displacement,
    duality_gap,
    largest_stable_step,
    linear_operator,
    operator_eigenvalues,
    rotation,
    step_operator,
    update_audit,
)
from nablagan.game import Game
from nablagan.training.files import plain
from nablagan.types import Batch

TOLERANCE, ITERATIONS = 1e-2, 4
"""Of eigenvalues, relative, and of Arnoldi restarts: batches differ by more."""
PROBES = 4
GAP_STEPS, GAP_REACH = 4, 100
"""Steps of the search for a duality gap, and its radius in lengths of the run's next update."""
BASIS = 20
Progress = Callable[[int, int, str], None]
"""(done, total, text)."""


class Move(NamedTuple):
    """The run's next update."""

    start: Tensor
    """(n,)"""
    end: Tensor
    """(n,)"""
    rates: Tensor
    """(n,), P of that step, as `optim.step_sizes` gives them after it."""
    in_turns: bool
    """Whether the discriminator moves first and the generator answers it."""


def examination(
    game: Game,
    move: Move,
    groups: tuple[tuple[Batch, ...], ...],
    count: int = 6,
    setting: Setting = UNKNOWN,
    progress: Progress = lambda done, total, text: None,
) -> dict[str, Any]:
    """Figures of a game at its point as plain JSON: of each group of batches, and a verdict.

    The first group has the eigenvalues of J and the duality gap as well; the others say how far batches disagree.
    Numbers that are not finite are None. Costs about 100 products with J a group. Raises InputError where products are
    not finite.
    """
    averaged = Averaged(game)
    found, figures = [], []
    for place, batches in enumerate(groups):
        name = "" if len(groups) == 1 else f", {('first', 'second', 'third')[min(place, 2)]} batches"
        content, taken = _group(averaged, move, batches, count, place == 0, name, progress)
        found.append(content)
        figures.append(taken)
    content = {
        "groups": found,
        "move": _move(game, move),
        "verdict": verdict(tuple(figures), setting)._asdict(),
    }
    return plain(content)


def _group(
    game: Averaged, move: Move, batches: tuple[Batch, ...], count: int, whole: bool, name: str, progress: Progress
) -> tuple[dict[str, Any], Figures]:
    """The content and the figures of one group of batches."""
    counter = Bar(progress)
    jacobian = KeptJacobian(game, batches, counter)
    work = 2 if move.in_turns else 1
    with counter.stage(f"spectrum of the step{name}", work * _most_products(count)):
        multipliers = operator_eigenvalues(
            displacement(_step(jacobian, move)), count, TOLERANCE, ITERATIONS, _basis(count)
        )
    with counter.stage(f"rotation{name}", 2 * PROBES):
        turning = rotation(jacobian, PROBES)
    content: dict[str, Any] = {
        "samples": sum(len(batch.latent) for batch in batches),
        "step": _spectrum(multipliers) | {"values": [1 - z for z in multipliers.values]},
        "largest_stable_factor": _largest(multipliers),
        "field_norms": _by_player([part.norm().item() for part in jacobian.field.split(game.sizes)]),
        "rotation": turning._asdict() | {"share": turning.share},
    }
    with counter.stage(f"audit{name}", 1):
        losses = tuple(loss.item() for loss in game.losses(batches))  # pyright: ignore[reportArgumentType]
        audit = update_audit(game, move.start, move.end, batches)  # pyright: ignore[reportArgumentType]
    content |= {
        "losses": _by_player(losses),
        "audit": _by_player([side._asdict() | {"interaction": side.interaction} for side in audit]),
    }
    gap = (math.nan, math.nan)
    if whole:
        with counter.stage("spectrum of the Jacobian", _most_products(count)):
            found = operator_eigenvalues(linear_operator(jacobian.T), count, TOLERANCE, ITERATIONS, _basis(count))
        content["jacobian"] = _spectrum(found)
        with counter.stage("duality gap", 1):
            gap = _gap(game, batches, move)
        content["gap"] = _by_player(gap) | {"steps": GAP_STEPS, "reach": GAP_REACH}
    figures = Figures(
        tuple(complex(1 - z) for z in multipliers.values),
        audit,
        (losses[0], losses[1]),
        tuple(content["field_norms"].values()),
        turning.share,
        gap,
    )
    return content, figures


def _gap(game: Averaged, batches: tuple[Batch, ...], move: Move) -> tuple[float, float]:
    """(generator's, discriminator's) gain near by; nan where the update does not move, which gives no radius."""
    radius = GAP_REACH * (move.end - move.start).norm().item()
    if not radius:
        return math.nan, math.nan
    found = duality_gap(game, batches, GAP_STEPS, radius)  # pyright: ignore[reportArgumentType]
    return found.generator, found.discriminator


def _step(jacobian: KeptJacobian, move: Move) -> Operator:
    """The step's linearisation, transposed: it has the same eigenvalues, and its products are cheaper."""
    step = (alternating_operator if move.in_turns else step_operator)(jacobian, move.rates)
    return Operator(step.point, step.times_transposed, step.times)


def _basis(count: int) -> int:
    return max(BASIS, 2 * count + 1)


def _most_products(count: int) -> int:
    return _basis(count) + ITERATIONS * (_basis(count) - count) + count


def _spectrum(found: Spectrum) -> dict[str, Any]:
    return {
        "values": list(found.values),
        "residuals": found.residuals.tolist(),
        "requested": found.requested,
        "complete": found.complete,
        "products": found.products,
        "method": found.method,
        "tolerance": TOLERANCE,
    }


def _largest(found: Spectrum) -> float:
    """The factor by which all step sizes may be multiplied before |m| = 1, if J acts on each z alone; nan for none."""
    return largest_stable_step(found.values) if len(found.values) else math.nan


def _move(game: Game, move: Move) -> dict[str, Any]:
    parts = zip(*(vector.split(game.sizes) for vector in (move.start, move.end, move.rates)), strict=True)
    sides = [
        {
            "relative_length": ((end - start).norm() / start.norm()).item(),
            "rates": {"least": rates.min().item(), "median": rates.median().item(), "largest": rates.max().item()},
        }
        for start, end, rates in parts
    ]
    return {"linearised": "alternating" if move.in_turns else "simultaneous", **_by_player(sides)}


def _by_player(values: Any) -> dict[str, Any]:
    return dict(zip(("generator", "discriminator"), values, strict=True))


class Bar:
    """Counts products and tells them as progress, stage by stage."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.text, self.total, self.done = progress, "", 1, 0

    def __call__(self) -> None:
        self.done = min(self.done + 1, self.total)
        self.progress(self.done, self.total, self.text)

    @contextmanager
    def stage(self, text: str, total: int) -> Iterator[None]:
        """Of at most `total` products; it may take less."""
        self.text, self.total, self.done = text, total, 0
        self.progress(0, total, text)
        yield
        self.progress(total, total, text)
