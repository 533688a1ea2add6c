"""A penalty's weight that nobody has to guess: it follows how well the discriminator separates real from generated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nablagan.types import InputError

SIGNAL = "separation"
"""The measure that is followed: the mean over pairs of softplus(a - b), a the real and b the generated logit."""
INDISTINCT = math.log(2)
"""Its value where the discriminator cannot tell the two apart."""
LIMIT = 2.0
"""Of the logarithm of the ratio to the target: one batch cannot move the weight by more."""


@dataclass(frozen=True)
class Balanced:
    """The rule of a weight gamma that follows the game, a record that a configuration file can hold.

    After each step of n images

        log gamma <- log gamma + n / images * clip(log((separation - log 2) / target), -2, 2),

    within [lowest, highest]: gamma rises while the discriminator is surer than the target, and falls while it is less
    sure. Under the alternating update the separation is that of the generator's turn, after the discriminator has
    learnt from the same batch, and so tells of steps that are too long as well. It is an integral controller on
    log gamma; docs/gamma.md says what it was compared with. Raises InputError for numbers that make no rule.
    """

    start: float
    images: int
    """In which gamma changes e-fold at a separation of log 2 + e target."""
    target: float = 0.6
    lowest: float = 1e-4
    highest: float = 1e4

    def __post_init__(self) -> None:
        if not (0 < self.lowest <= self.start <= self.highest < math.inf and self.images > 0 and self.target > 0):
            raise InputError(
                f"{self}: give images and target above 0, and a start between lowest and highest, both above 0"
            )


class Balance:
    """A weight that moves by its rule: like a schedule a function of the images seen, but one with a state."""

    def __init__(self, rule: Balanced) -> None:
        self.rule, self.gamma = rule, rule.start
        """The weight now: its whole state."""

    def __call__(self, images_seen: int) -> float:
        """The weight for the step that begins now."""
        return self.gamma

    def follow(self, measures: Mapping[str, float], images: int) -> None:
        """Move by what a step of so many images has measured.

        >>> balance = Balance(Balanced(start=1.0, images=100))
        >>> balance.follow({"separation": math.log(2) + 0.6 * math.e}, images=50)
        >>> round(balance.gamma**2, 6) == round(math.e, 6)
        True
        """
        excess = max(measures[SIGNAL] - INDISTINCT, 0.0)
        error = math.log(excess / self.rule.target) if excess else -LIMIT
        change = images / self.rule.images * max(-LIMIT, min(LIMIT, error))
        self.gamma = max(self.rule.lowest, min(self.rule.highest, self.gamma * math.exp(change)))
