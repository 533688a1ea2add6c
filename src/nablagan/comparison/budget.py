"""What every candidate may spend: seconds of training, or gradients of a player."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from nablagan.comparison.candidates import Candidate
from nablagan.comparison.trainees import Task
from nablagan.types import InputError

ANY_IMAGES = 10_000_000
"""Length of the run whose first steps are timed: long, so that no schedule is at its end."""
WARM_UP, TIMED, TIMED_PART = 2, 4, 0.04
"""Steps before timing; steps timed at least, and the part of the seconds that timing goes on for."""
TOLERANCE = 0.05

Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
"""`cpu` counts the seconds of this process, all its threads: what a busy machine takes away does not count."""


class Budget(Protocol):
    """How long a candidate trains."""

    @property
    def clock(self) -> Clock:
        """What seconds are read from."""
        ...

    @property
    def limit(self) -> float:
        """Seconds after which training is cut off in any case."""
        ...

    def images(self, candidate: Candidate, task: Task) -> int:
        """Images that the candidate will train on: its schedules end there."""
        ...

    def words(self) -> dict[str, Any]:
        """Plain JSON."""
        ...


@dataclass(frozen=True)
class Seconds:
    """Equal time: a few timed steps say how many images fit; training is cut off 5 % beyond."""

    seconds: float
    clock_name: str = "wall"

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise InputError(f"seconds of training are {self.seconds}: give a number above 0")
        if self.clock_name not in CLOCKS:
            raise InputError(f"no clock '{self.clock_name}': there are {', '.join(CLOCKS)}")

    @property
    def clock(self) -> Clock:
        return CLOCKS[self.clock_name]

    @property
    def limit(self) -> float:
        return (1 + TOLERANCE) * self.seconds

    def images(self, candidate: Candidate, task: Task) -> int:
        return max(task.batch_size, round(self.seconds * self._speed(candidate, task)))

    def words(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "clock": self.clock_name}

    def _speed(self, candidate: Candidate, task: Task) -> float:
        """Images a second, from the first steps of a training that is thrown away."""
        trainee = candidate.begin(task, ANY_IMAGES)
        training = trainee.steps()
        for _ in range(WARM_UP):
            next(training)
        start, seen, taken = self.clock(), trainee.images_seen, 0
        while taken < TIMED or self.clock() - start < TIMED_PART * self.seconds:
            next(training)
            taken += 1
        return (trainee.images_seen - seen) / max(self.clock() - start, 1e-9)


@dataclass(frozen=True)
class Evaluations:
    """Equal work: so many gradients of one player for one image (`Candidate.evaluations_per_image`).

    A gradient penalty's second derivative is not counted, and the nets differ in the work of a pass.
    """

    evaluations: int
    clock_name: str = "wall"

    def __post_init__(self) -> None:
        if self.evaluations < 1:
            raise InputError(f"gradient evaluations are {self.evaluations}: give a number >= 1")

    @property
    def clock(self) -> Clock:
        return CLOCKS[self.clock_name]

    @property
    def limit(self) -> float:
        return math.inf

    def images(self, candidate: Candidate, task: Task) -> int:
        return max(task.batch_size, round(self.evaluations / candidate.evaluations_per_image))

    def words(self) -> dict[str, Any]:
        return {"evaluations": self.evaluations, "clock": self.clock_name}
