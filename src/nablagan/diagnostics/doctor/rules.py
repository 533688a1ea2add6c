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

WARM_UP = 6
"""Probes before which samples are too raw to be judged."""
OWN_RATIOS = ("generator_own_ratio", "discriminator_own_ratio")
NORMS = ("generator_gradient_norm", "discriminator_gradient_norm")
LOGISTIC = ("minimax", "non_saturating", "relativistic", "relativistic_average")
INDISTINCT = math.log(2)
"""The separation where the discriminator cannot tell real from generated."""


class Rule(NamedTuple):
    """One disease."""

    disease: str
    title: str
    sign: Callable[[History, Circumstances], Sign | None]
    advice: Callable[[History, Circumstances], Advice]
    patience: int = 2
    """Probes in a row at which it must be seen before it is said."""


def below(value: float, threshold: float) -> float:
    """Strength of a value that should not fall below the threshold (both positive): their ratio; 0 for nan."""
    return threshold / max(value, 1e-12) if value == value else 0.0


def above(value: float, threshold: float) -> float:
    """Strength of a value that should not rise above the threshold (both positive); 0 for nan."""
    return max(value, 0.0) / threshold if value == value else 0.0


def mode_collapse(history: History, circumstances: Circumstances) -> Sign | None:
    """Samples of a class resemble each other far more than real ones do."""
    if history.count("diversity") < WARM_UP:
        return None
    value, threshold = history.recent("diversity"), 0.55
    words = f"two generated samples of a class lie {value:.2f} times as far apart as two real ones"
    return Sign(below(value, threshold), (Evidence("diversity", value, threshold, words),))


def overfitting(history: History, circumstances: Circumstances) -> Sign | None:
    """The discriminator ranks samples that it was trained on above others of the same kind."""
    value = history.recent("memorisation", 5)
    threshold = 0.5 + max(0.2, 2.5 * circumstances.ranking_error)
    words = f"the discriminator ranks a training sample above a held-out one in {100 * value:.0f} % of pairs"
    return Sign(above(value - 0.5, threshold - 0.5), (Evidence("memorisation", value, threshold, words),))


def vanishing_signal(history: History, circumstances: Circumstances) -> Sign | None:
    """The gradient that reaches the generator's samples has all but gone."""
    first = history.early("generator_signal")
    value, threshold = history.recent("generator_signal"), 0.02 * first
    words = f"the loss's gradient at a generated sample is {value:.2g}, it was {first:.2g} at first"
    return Sign(below(value, threshold), (Evidence("generator_signal", value, threshold, words),))


def discriminator_wins(history: History, circumstances: Circumstances) -> Sign | None:
    """The discriminator ranks nearly every real sample above every generated one, for long."""
    if history.count("overlap") < WARM_UP:
        return None
    value, threshold = history.recent("overlap", 5), 0.9995
    words = f"the discriminator ranks a real sample above a generated one in {100 * value:.1f} % of pairs"
    return Sign(below(1 - value, 1 - threshold), (Evidence("overlap", value, threshold, words),))


def chase(history: History, circumstances: Circumstances) -> Sign | None:
    """The players chase each other: the discriminator judges where the generator was."""
    values = history.values.get("overlap", [])[-6:]
    if len(values) < 6:
        return None
    value = sum(value < 0.5 for value in values)
    words = f"at {value} of the last 6 probes the discriminator ranked generated samples above real ones"
    return Sign(above(value, 3), (Evidence("overlap", min(values), 0.5, words),))


def rotation(history: History, circumstances: Circumstances) -> Sign | None:
    """Samples come near the data and leave them again: the players go round the solution, or run away from it."""
    values = history.values.get("sample_distance", [])
    if len(values) < 2 * WARM_UP:  # in healthy runs too samples come and go at first
        return None
    near, value = min(values[:-1]), history.recent("sample_distance")
    threshold = max(3 * near, 0.3)
    words = f"generated samples lie {value:.2f} of the data's own spread away from real ones; they had been as near as"
    evidence = Evidence("sample_distance", value, threshold, f"{words} {near:.2f}")
    return Sign(above(value, threshold), (evidence,))


def penalty_dominates(history: History, circumstances: Circumstances) -> Sign | None:
    """The penalty keeps the discriminator from seeing a difference that is there."""
    apart, distance = history.recent("separation") - INDISTINCT, history.recent("sample_distance")
    if circumstances.gamma is None or history.count("sample_distance") < WARM_UP:
        return None
    words = f"the discriminator tells the two apart by {max(apart, 0.0):.2g} only (separation less log 2)"
    far = f"while generated samples lie {distance:.2f} of the data's own spread away from real ones"
    evidence = (
        Evidence("separation", apart + INDISTINCT, INDISTINCT + 0.05, words),
        Evidence("sample_distance", distance, 0.12, far),
    )
    return Sign(min(below(max(apart, 1e-9), 0.05), above(distance, 0.12)), evidence)


def steps_too_long(history: History, circumstances: Circumstances) -> Sign | None:
    """A player's updates do not lower its own loss by what its gradient promises: they overshoot."""
    best = {name: max(history.values[name][-3:]) for name in OWN_RATIOS if history.count(name) >= 3}
    if not best:
        return None
    name = min(best, key=best.__getitem__)
    value, threshold = best[name], 0.15
    player = name.split("_")[0]
    words = f"the {player}'s last three updates brought it {value:.2f} at best of what its gradient promised"
    return Sign(below(value, threshold), (Evidence(name, value, threshold, words),))


def exploding(history: History, circumstances: Circumstances) -> Sign | None:
    """A gradient has grown by orders of magnitude, or a number is no longer finite."""
    growth = _since_first(history)
    if not growth:
        return None
    name = max(growth, key=growth.__getitem__)
    value, threshold = history.recent(name), 30 * history.early(name)
    words = f"the {name.replace('_', ' ')} is {value:.2g}, {growth[name]:.0f} times what it was at first"
    return Sign(above(value, threshold), (Evidence(name, value, threshold, words),))


def dead_player(history: History, circumstances: Circumstances) -> Sign | None:
    """A player's gradient is gone."""
    shrunk = _since_first(history)
    if not shrunk:
        return None
    name = min(shrunk, key=shrunk.__getitem__)
    value, threshold = history.recent(name), 1e-3 * history.early(name)
    words = f"the {name.replace('_', ' ')} is {value:.2g}, it was {history.early(name):.2g} at first"
    return Sign(below(value, threshold), (Evidence(name, value, threshold, words),))


def _since_first(history: History) -> dict[str, float]:
    """Each player's gradient norm now over what it was at first."""
    return {name: history.recent(name) / history.early(name) for name in NORMS if history.early(name) > 0}


def saturated_logits(history: History, circumstances: Circumstances) -> Sign | None:
    """Logits so far apart that the loss's derivative is a denormal number, or zero."""
    if circumstances.loss not in LOGISTIC:
        return None
    value, threshold = history.recent("real_logits") - history.recent("fake_logits"), 40.0
    words = f"real and generated logits lie {value:.3g} apart: the loss is flat there"
    return Sign(above(value, threshold), (Evidence("real_logits", value, threshold, words),))


RULES = (
    Rule("exploding", "a gradient explodes", exploding, advice.shorter_steps, 1),
    Rule("saturated_logits", "the logits are saturated", saturated_logits, advice.slower_or_livelier),
    Rule("dead_player", "a player is dead", dead_player, advice.slower_or_livelier),
    Rule("vanishing_signal", "the generator's signal vanishes", vanishing_signal, advice.livelier_loss),
    Rule("overfitting", "the discriminator learns by heart", overfitting, advice.augmentation),
    Rule("mode_collapse", "samples collapse onto few", mode_collapse, advice.against_collapse),
    Rule("penalty_dominates", "the penalty dominates", penalty_dominates, advice.less_penalty),
    Rule("chase", "the players chase each other", chase, advice.more_penalty),
    Rule("discriminator_wins", "the discriminator wins", discriminator_wins, advice.hold_back),
    Rule("steps_too_long", "the steps are too long", steps_too_long, advice.shorter_steps, 4),
    Rule("rotation", "the players rotate", rotation, advice.more_penalty),
)
