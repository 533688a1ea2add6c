"""The diseases that the doctor knows: what each is told by, and the one change to make.

A rule reads the history alone. Thresholds were chosen on one half of the settings of benchmarks/doctor.py and judged on
the other; docs/diagnosis.md shows a real example of each.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from nablagan.diagnostics.doctor import advice
from nablagan.diagnostics.doctor.findings import Advice, Circumstances, Evidence, Sign
from nablagan.diagnostics.doctor.history import History

INDISTINCT = math.log(2)
"""The separation where the discriminator cannot tell real from generated."""


class Rule(NamedTuple):
    """One disease."""

    disease: str
    title: str
    sign: Callable[[History, Circumstances], Sign | None]
    advice: Callable[[History, Circumstances], Advice]
    patience: int = 3
    """Probes in a row at which it must be seen before it is said."""


def below(value: float, threshold: float) -> float:
    """Strength of a value that should not fall below the threshold (both positive): their ratio; 0 for nan."""
    return threshold / max(value, 1e-12) if value == value else 0.0


def above(value: float, threshold: float) -> float:
    """Strength of a value that should not rise above the threshold (both positive); 0 for nan."""
    return max(value, 0.0) / threshold if value == value else 0.0


def mode_collapse(history: History, circumstances: Circumstances) -> Sign | None:
    """Samples of a class resemble each other far more than real ones do."""
    value, threshold = history.recent("diversity"), 0.3
    words = f"two generated samples of a class lie {value:.2f} times as far apart as two real ones"
    return Sign(below(value, threshold), (Evidence("diversity", value, threshold, words),))


def discriminator_overfitting(history: History, circumstances: Circumstances) -> Sign | None:
    """The discriminator ranks samples that it was trained on above others of the same kind."""
    value = history.recent("memorisation", 5)
    threshold = 0.5 + max(0.2, 2.5 * circumstances.ranking_error)
    words = f"the discriminator ranks a training sample above a held-out one in {100 * value:.0f} % of pairs"
    return Sign(above(value - 0.5, threshold - 0.5), (Evidence("memorisation", value, threshold, words),))


def vanishing_signal(history: History, circumstances: Circumstances) -> Sign | None:
    """The gradient that reaches the generator's samples has all but gone."""
    value, threshold = history.recent("generator_signal"), 0.02 * history.early("generator_signal")
    words = (
        f"the loss's gradient at a generated sample is {value:.2g}, {history.early('generator_signal'):.2g} at first"
    )
    return Sign(below(value, threshold), (Evidence("generator_signal", value, threshold, words),))


def discriminator_wins(history: History, circumstances: Circumstances) -> Sign | None:
    """The discriminator ranks nearly every real sample above every generated one, and does so surely."""
    value, threshold = history.recent("overlap", 5), 0.995
    words = f"the discriminator ranks a real sample above a generated one in {100 * value:.1f} % of pairs"
    return Sign(below(1 - value, 1 - threshold), (Evidence("overlap", value, threshold, words),))


def rotation(history: History, circumstances: Circumstances) -> Sign | None:
    """The players chase each other: the discriminator judges where the generator was."""
    values = history.values.get("overlap", [])[-6:]
    if len(values) < 6:
        return None
    value, threshold = sum(value < 0.5 for value in values), 2
    words = f"at {value} of the last 6 probes the discriminator ranked generated samples above real ones"
    return Sign(above(value, threshold), (Evidence("overlap", min(values), 0.5, words),))


def penalty_dominates(history: History, circumstances: Circumstances) -> Sign | None:
    """The penalty keeps the discriminator from seeing a difference that is there."""
    separation, distance = history.recent("separation"), history.recent("sample_distance")
    words = f"the discriminator tells the two apart by {max(separation - INDISTINCT, 0.0):.2g} only"
    far = f"while generated samples lie {distance:.2f} of the data's own spread away from real ones"
    strength = min(below(max(separation - INDISTINCT, 1e-9), 0.05), above(distance, 0.1))
    evidence = (
        Evidence("separation", separation, INDISTINCT + 0.05, words),
        Evidence("sample_distance", distance, 0.1, far),
    )
    return Sign(strength, evidence)


def steps_too_long(history: History, circumstances: Circumstances) -> Sign | None:
    """An update overshoots: the field on the same batch has turned round after it."""
    names = ("generator_successive_cosine", "discriminator_successive_cosine")
    name = min(names, key=lambda name: history.recent(name, 2))
    value, threshold = history.recent(name, 2), -0.4
    words = (
        f"after a step the {name.split('_')[0]}'s gradient on the same batch points back, at a cosine of {value:.2f}"
    )
    return Sign(above(-value, -threshold), (Evidence(name, value, threshold, words),))


def exploding(history: History, circumstances: Circumstances) -> Sign | None:
    """A gradient has grown by orders of magnitude, or a number is no longer finite."""
    names = [name for name in ("generator_gradient_norm", "discriminator_gradient_norm") if history.count(name) >= 5]
    if not names:
        return None
    growth = {name: history.recent(name) / max(history.early(name), 1e-12) for name in names}
    name = max(growth, key=growth.__getitem__)
    value, threshold = history.recent(name), 30 * history.early(name)
    words = f"the {name.replace('_', ' ')} is {value:.2g}, {growth[name]:.0f} times what it was at first"
    return Sign(above(value, threshold), (Evidence(name, value, threshold, words),))


def dead_player(history: History, circumstances: Circumstances) -> Sign | None:
    """A player's gradient is gone."""
    names = [name for name in ("generator_gradient_norm", "discriminator_gradient_norm") if history.count(name) >= 5]
    if not names:
        return None
    name = min(names, key=lambda name: history.recent(name) / max(history.early(name), 1e-30))
    value, threshold = history.recent(name), 1e-3 * history.early(name)
    words = (
        f"the {name.replace('_', ' ')} is {value:.2g}, {history.early(name):.2g} at first: it learns nothing any more"
    )
    return Sign(below(value, threshold), (Evidence(name, value, threshold, words),))


def saturated_logits(history: History, circumstances: Circumstances) -> Sign | None:
    """Logits so large that the loss's derivative is a denormal number, or zero."""
    value, threshold = abs(history.recent("real_logits") - history.recent("fake_logits")), 40.0
    words = f"real and generated logits lie {value:.3g} apart"
    return Sign(above(value, threshold), (Evidence("real_logits", value, threshold, words),))


def leaving_the_data(history: History, circumstances: Circumstances) -> Sign | None:
    """Generated samples move away from the real ones again."""
    course = history.rolling("sample_distance")
    if len(course) < 4:
        return None
    best, value = min(course), course[-1]
    threshold = max(2 * best, best + 0.04)
    words = f"generated samples lie {value:.3f} of the data's spread away from real ones, {best:.3f} at best before"
    return Sign(above(value, threshold), (Evidence("sample_distance", value, threshold, words),))


RULES = (
    Rule("exploding", "a gradient explodes", exploding, advice.shorter_steps, 1),
    Rule("dead_player", "a player is dead", dead_player, advice.livelier_loss),
    Rule("saturated_logits", "the logits are saturated", saturated_logits, advice.more_penalty),
    Rule("vanishing_signal", "the generator's signal vanishes", vanishing_signal, advice.livelier_loss),
    Rule("mode_collapse", "samples collapse onto few", mode_collapse, advice.more_penalty),
    Rule("overfitting", "the discriminator learns by heart", discriminator_overfitting, advice.augmentation),
    Rule("rotation", "the players chase each other", rotation, advice.more_penalty),
    Rule("discriminator_wins", "the discriminator wins", discriminator_wins, advice.more_penalty),
    Rule("penalty_dominates", "the penalty dominates", penalty_dominates, advice.less_penalty),
    Rule("steps_too_long", "the steps are too long", steps_too_long, advice.shorter_steps, 2),
    Rule("leaving_the_data", "samples move away from the data", leaving_the_data, advice.shorter_steps),
)
