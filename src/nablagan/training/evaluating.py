"""Evaluation while a run is trained: when it is worth its time, what is recorded, and which moment was the best.

What is measured is the caller's: training knows it as a function of the state. Nothing is kept but the events, so that
resuming and rolling back, which cut them, leave the same evaluations as a run that was never stopped.
"""

import math
import operator
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nablagan.training.best import point_at_best
from nablagan.training.checkpoint import is_sound
from nablagan.training.events import read_events
from nablagan.training.files import plain
from nablagan.training.loop import State
from nablagan.training.writer import Writer
from nablagan.types import InputError

Event = dict[str, Any]


@dataclass(frozen=True)
class Evaluating:
    """What a session measures of the averaged generator, how often, and by which measure a checkpoint is the best."""

    measure: Callable[[State], dict[str, Any]]
    """The content of an event: `measures` by name, and whatever tells how they were taken (`protocol`, `intervals`)."""
    images: int
    """Between evaluations; the last moment of a run is evaluated in any case."""
    best: str
    """The name of the measure."""
    better: Callable[[float, float], bool] = operator.lt
    """Whether its first value is better than its second."""
    share: float = 0.1
    """Of the training's time that evaluations may take; one that would exceed it is skipped, and that is recorded."""

    def __post_init__(self) -> None:
        if self.images < 1:
            raise InputError(f"{self.images} images between evaluations: give a number >= 1")
        if not 0 < self.share <= 1:
            raise InputError(f"evaluations may take {self.share} of the time: give a part in (0, 1], such as 0.1")


def evaluate(plan: Evaluating, writer: Writer) -> bool:
    """Measure the state as it stands and record it; whether it is the best so far of those that are kept.

    The first evaluation of a run and its last are always made, as a run without them would tell nothing.
    """
    past = _past(writer)
    last = writer.state.images_seen >= writer.run.images
    if past and not last and (reason := _too_dear(plan, past, writer.state.elapsed_seconds)):
        writer.event("skipped_evaluation", time=reason)
        return False
    started = time.perf_counter()
    try:
        content = plan.measure(writer.state)
    except InputError as error:  # such as samples that are all the same: the training may yet recover
        writer.event("warning", message=f"not evaluated: {error}")
        return False
    seconds = time.perf_counter() - started
    found = plain(content) | {"by": plan.best, "best": _is_best(plan, content, past, writer)}
    writer.event("evaluation", **found, time={"seconds": seconds, "spent_seconds": _spent(past) + seconds})
    writer.tick.spend("evaluation", seconds)
    return found["best"]


def name_best(plan: Evaluating, writer: Writer) -> None:
    """Point at the best of the evaluated moments whose checkpoint is there and sound, if there is any."""
    past = _past(writer)
    kept = _kept(plan, past[-1], past, writer) if past else []
    if kept:
        point_at_best(writer.directory / "checkpoints", _name(_first_best(plan, kept)))


def _past(writer: Writer) -> list[Event]:
    return [event for event in read_events(writer.directory / "events.jsonl") if event["kind"] == "evaluation"]


def _spent(past: list[Event]) -> float:
    return sum(event["time"]["seconds"] for event in past)


def _too_dear(plan: Evaluating, past: list[Event], elapsed: float) -> dict[str, float]:
    """The share that evaluations would come to if this one took as long as the last; empty where it is allowed."""
    expected = past[-1]["time"]["seconds"]
    share = (_spent(past) + expected) / (elapsed + expected)
    return {"expected_seconds": expected, "share": share} if share > plan.share else {}


def _is_best(plan: Evaluating, content: Event, past: list[Event], writer: Writer) -> bool:
    value = _value(plan, content)
    kept = _kept(plan, content, past, writer)
    return not math.isnan(value) and (not kept or plan.better(value, _value(plan, _first_best(plan, kept))))


def _kept(plan: Evaluating, like: Event, past: list[Event], writer: Writer) -> list[Event]:
    """The evaluations by the same protocol as `like` of moments that can be gone back to."""
    checkpoints = writer.directory / "checkpoints"
    return [
        event
        for event in past
        if event.get("protocol") == like.get("protocol")
        and not math.isnan(_value(plan, event))
        and is_sound(checkpoints / _name(event))
    ]


def _first_best(plan: Evaluating, events: list[Event]) -> Event:
    best = events[0]
    for event in events[1:]:
        best = event if plan.better(_value(plan, event), _value(plan, best)) else best
    return best


def _value(plan: Evaluating, event: Event) -> float:
    """NaN where the measure is missing or not finite."""
    value = event["measures"].get(plan.best)
    return math.nan if value is None or not math.isfinite(value) else float(value)


def _name(event: Event) -> str:
    return f"images-{event['images_seen']:09d}"
