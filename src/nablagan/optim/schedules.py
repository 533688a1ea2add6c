"""Schedules: functions of the images seen, as plain records that a configuration file can hold."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Cosine:
    """From `start` to `end` along half a cosine over `images`, then constant (R3GAN's schedule of every quantity).

    >>> Cosine(1.0, 0.1, 1000)(500)
    0.55
    """

    start: float
    end: float
    images: int

    def __call__(self, images_seen: int) -> float:
        """The value after `images_seen` images."""
        progress = min(images_seen / self.images, 1.0) if self.images > 0 else 1.0
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * progress))


def constant(value: float) -> Cosine:
    """The schedule that keeps `value`."""
    return Cosine(value, value, 0)
