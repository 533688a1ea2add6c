"""What a tick event says: means of the measures since the last one, schedules, speed, memory, seconds by stage."""

import resource
import time
from typing import Any

from nablagan.penalties import names_of
from nablagan.training.loop import State, weights


class Tick:
    """Sums of measures and seconds since the last tick event."""

    def __init__(self, sums: dict[str, float] | None = None, steps: int = 0) -> None:
        """`sums` and `steps` as a checkpoint kept them, so that a resumed run reports the same means."""
        self.sums, self.steps = dict(sums or {}), steps
        self.images = 0
        self.seconds: dict[str, float] = {}
        self.started = time.perf_counter()

    def add(self, state: State) -> None:
        """Count one step."""
        for name, value in state.measures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        for name, value in state.seconds.items():
            self.spend(name, value)
        self.steps += 1
        self.images += state.run.batch_size

    def spend(self, stage: str, seconds: float) -> None:
        """Count seconds of a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def means(self) -> dict[str, float]:
        """Mean of each measure over the tick's steps."""
        return {name: value / self.steps for name, value in self.sums.items()}

    def times(self, elapsed: float) -> dict[str, Any]:
        """The tick's speed, memory and seconds by stage."""
        span = time.perf_counter() - self.started
        return {
            "elapsed_seconds": elapsed,
            "images_per_second": self.images / span,
            "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "stages": self.seconds,
        }


def schedule_values(state: State) -> dict[str, float]:
    """Learning rates, penalty weights and augmentation probability of the step that the state has just made.

    A weight that follows the game is given as that step has left it.
    """
    run, at = state.run, max(state.images_seen - state.run.batch_size, 0)
    values = {
        "generator_learning_rate": run.generator_adam.learning_rate(at),
        "discriminator_learning_rate": run.discriminator_adam.learning_rate(at),
    }
    settings = (*run.penalties, *run.generator_penalties)
    found = weights(settings, state.balances)
    values |= {
        f"penalty_weight_{name}": weight(at) for name, weight in zip(names_of(found), found.values(), strict=True)
    }
    if run.augmentations:
        values["augmentation_probability"] = run.augmentation_probability(at)
    return values
