"""Schedules: functions of the images seen, as plain records that a configuration file can hold."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Cosine:
    """From `start` to `end` along half a cosine over `images`, then constant (R3GAN's schedule of every quantity).

    >>> Cosine(1.0, 0.1, 1000)(500), Cosine(1.0, 0.1, 1000, held=500)(750)
    (0.55, 0.55)
    """

    start: float
    end: float
    images: int
    """At which `end` is reached."""
    held: int = 0
    """So many images keep `start` before it falls."""

    def __call__(self, images_seen: int) -> float:
        """The value after `images_seen` images."""
        falling = self.images - self.held
        progress = (
            min(max(images_seen - self.held, 0) / falling, 1.0) if falling > 0 else float(images_seen >= self.images)
        )
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * progress))


def constant(value: float) -> Cosine:
    """The schedule that keeps `value`."""
    return Cosine(value, value, 0)
