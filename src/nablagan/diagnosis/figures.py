"""The figures that a verdict rests on, taken on one group of batches."""

import math
from typing import NamedTuple

from nablagan.diagnostics import PlayerAudit, UpdateAudit


class Figures(NamedTuple):
    """What was found on one group of batches; a figure that was not taken is nan."""

    multipliers: tuple[complex, ...]
    """m: what one step multiplies a small displacement by, for those parts of it that the step moves most."""
    audit: UpdateAudit
    """The run's next update on these samples."""
    losses: tuple[float, float]
    """(L_G, L_D) before it."""
    field_norms: tuple[float, float] = (math.nan, math.nan)
    """Norms of the gradients of L_G and L_D, each in its player's parameters."""
    rotation_share: float = math.nan
    """||A||^2 / ||J||^2."""
    gap: tuple[float, float] = (math.nan, math.nan)
    """What each player could gain alone, near by."""

    @property
    def displacements(self) -> tuple[complex, ...]:
        """z = 1 - m."""
        return tuple(1 - m for m in self.multipliers)

    @property
    def radius(self) -> float:
        """The largest |m|: above 1 a small displacement grows; nan where no eigenvalue was found."""
        return max(map(abs, self.multipliers), default=math.nan)

    @property
    def least_pull(self) -> float:
        """The least Re z: below 0 play is driven away, however short the steps."""
        return min((z.real for z in self.displacements), default=math.nan)

    @property
    def turning(self) -> float:
        """The largest |Im z| / |z| among those z at least half as large as the largest: 0 straight, 1 a pure circle."""
        moved = [z for z in self.displacements if z]
        largest = max(map(abs, moved), default=0.0)
        return max((abs(z.imag) / abs(z) for z in moved if abs(z) >= largest / 2), default=math.nan)

    @property
    def overshoots(self) -> tuple[bool, bool]:
        """Whether each player's own part of the update, meant to lower its loss, raised it."""
        generator, discriminator = self.audit
        return _overshoots(generator), _overshoots(discriminator)

    @property
    def outrun(self) -> tuple[float, float]:
        """The other player's effect on each loss over the player's own, to first order: above 1 it loses more."""
        generator, discriminator = self.audit
        return _ratio(generator), _ratio(discriminator)

    @property
    def progress(self) -> float:
        """The larger expected change of a player's own loss by its own part, relative to |L| + 1e-12."""
        return max(abs(side.own) / (abs(loss) + 1e-12) for side, loss in zip(self.audit, self.losses, strict=True))


def _overshoots(side: PlayerAudit) -> bool:
    return side.own < 0 < side.own_realised


def _ratio(side: PlayerAudit) -> float:
    return side.other / abs(side.own) if side.own else math.nan
