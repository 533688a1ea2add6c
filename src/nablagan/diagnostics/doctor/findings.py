"""What the doctor says: plain records that an events file can hold."""

import math
from typing import Any, NamedTuple


class Evidence(NamedTuple):
    """One thing that was measured, beside the value at which it counts."""

    measure: str
    """Its name in ticks and probes."""
    value: float
    threshold: float
    words: str
    """What the value means."""

    def content(self) -> dict[str, Any]:
        """As plain JSON: null for what is not finite, as in ticks and probes."""
        numbers = {"value": self.value, "threshold": self.threshold}
        finite = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
        return self._asdict() | finite


class Advice(NamedTuple):
    """One change to make."""

    words: str
    options: tuple[str, ...]
    """For `nablagan train`, in place of what was given: ("--gamma", "1")."""


class Finding(NamedTuple):
    """A disease that begins (`raised`) or has passed (`cleared`)."""

    disease: str
    status: str
    title: str
    confidence: float
    """In [0.5, 1): how far beyond its thresholds the evidence is, and for how long."""
    evidence: tuple[Evidence, ...]
    advice: Advice

    def content(self) -> dict[str, Any]:
        """As plain JSON."""
        return self._asdict() | {
            "evidence": [item.content() for item in self.evidence],
            "advice": {"words": self.advice.words, "options": list(self.advice.options)},
        }


class Sign(NamedTuple):
    """What a rule sees at one moment."""

    strength: float
    """1 at the threshold; the finding is raised at 1 or more, and kept until it has fallen below 0.7."""
    evidence: tuple[Evidence, ...]


class Circumstances(NamedTuple):
    """What the doctor knows of a training beside its measures; the numbers an advice starts from."""

    loss: str = ""
    """The name of its function."""
    gamma: float | None = None
    """Weight of its gradient penalties now; None if it has none."""
    gamma_follows: bool = False
    """Whether that weight sets itself."""
    recommended_gamma: float = 1.0
    """What the recipes would take for these data."""
    recommended_rate: float = 2e-3
    """The recipe's own learning rate."""
    generator_learning_rate: float = 0.0
    discriminator_learning_rate: float = 0.0
    """At the start."""
    augmented: bool = False
    samples: int = 0
    """Real samples that it trains on."""
    heldout: int = 0
    """Real samples that it never uses."""

    @property
    def ranking_error(self) -> float:
        """Standard error of `memorisation` where nothing is known by heart (`diagnostics.separability`)."""
        known, unknown = min(self.samples, 64), min(self.heldout, 64)
        return math.sqrt((known + unknown + 1) / (12 * known * unknown)) if known and unknown else math.inf


UNKNOWN = Circumstances()
"""Of a training that nothing is told about."""
