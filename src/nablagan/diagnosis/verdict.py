"""From figures to words: what the game is doing, what that rests on, how sure it is, and what to change."""

import math
from collections.abc import Callable
from typing import NamedTuple

from nablagan.diagnosis.figures import Figures

GROWTH = 1e-3
"""A modulus above 1 by less than this is neither growth nor decay: rounding and the eigenvalues' own errors."""
TURNING = 0.7071
"""|Im z|/|z| from which on play goes round more than it goes in: 45 degrees."""
OUTRUN = 5.0
"""One player's step costs the other so many times what the other's own step gains."""
STALLED = 1e-7
"""Relative change of a loss by a step, to first order, below which nothing happens."""
NOTHING_TO_GAIN = 1e-6
"""Gain near by, relative to the loss, that counts as none."""
PLAYERS = ("generator", "discriminator")


class Verdict(NamedTuple):
    """What is told."""

    kind: str
    """`converging`, `rotating`, `diverging`, `outrun`, `stalled` or `unsettled` (none of the others)."""
    title: str
    """One sentence."""
    because: tuple[str, ...]
    """The figures that it rests on, in words."""
    sure: str
    """`high`: both groups of batches say so; `low`: they disagree, or there is only one."""
    advice: str
    """One change, in words."""
    options: tuple[str, ...]
    """What to add to the run's own command line; empty where nothing needs changing."""


class Setting(NamedTuple):
    """What of a run an advice depends on."""

    in_turns: bool = True
    """Whether the players move in turns."""
    learning_rate: float = math.nan
    """Of the generator, at this moment."""
    discriminator_learning_rate: float = math.nan
    gamma: float = math.nan
    """Weight of the gradient penalties at this moment; nan without any."""


UNKNOWN = Setting()


def verdict(groups: tuple[Figures, ...], setting: Setting = UNKNOWN) -> Verdict:
    """The verdict on one or two groups of batches: the first decides, the second says how sure it is.

    Local and of these batches: what a small displacement does under steps of this size, and what the run's next update
    does to both losses. It says nothing of the samples' quality.
    """
    kinds = [_kind(figures) for figures in groups]
    title, reasons, advice, options = _TOLD[kinds[0]](groups[0], setting)
    disagree = [] if len(set(kinds)) == 1 else [f"The second group of batches says: {kinds[1]}."]
    alone = ["There is no second group of batches to compare with."] if len(groups) == 1 else []
    sure = "high" if len(groups) > 1 and not disagree else "low"
    return Verdict(kinds[0], title, (*reasons, *disagree, *alone), sure, advice, options)


def _kind(figures: Figures) -> str:
    """The first that holds; what would spoil a training soonest comes first."""
    checks = {
        "stalled": _is_stalled,
        "diverging": _is_diverging,
        "rotating": lambda f: f.turning >= TURNING,
        "outrun": lambda f: any(ratio >= OUTRUN for ratio in f.outrun),
        "converging": lambda f: f.least_pull > 0 and f.radius < 1 + GROWTH,
    }
    return next((kind for kind, holds in checks.items() if holds(figures)), "unsettled")


def _is_stalled(figures: Figures) -> bool:
    """Nothing moves although a player could gain; where nobody can, play has arrived."""
    return figures.progress < STALLED and any(
        gain > NOTHING_TO_GAIN * (abs(loss) + 1e-12) for gain, loss in zip(figures.gap, figures.losses, strict=True)
    )


def _is_diverging(figures: Figures) -> bool:
    """A step grows mostly straight, and its own player's loss rises by it: both, since either alone is common."""
    grows = any(abs(1 - z) > 1 + GROWTH and abs(z.imag) < TURNING * abs(z) for z in figures.displacements)
    return grows and any(figures.overshoots)


def _stalled(figures: Figures, setting: Setting) -> tuple[str, list[str], str, tuple[str, ...]]:
    gains = ", ".join(f"{player} {gain:.3g}" for player, gain in zip(PLAYERS, figures.gap, strict=True))
    return (
        "Stalled: the players hardly move, though they could still gain.",
        [
            f"A step changes no loss by more than {figures.progress:.1g} of it.",
            f"Gains still to be had near by: {gains}.",
        ],
        "take longer steps",
        _rate(setting, 3.0),
    )


def _diverging(figures: Figures, setting: Setting) -> tuple[str, list[str], str, tuple[str, ...]]:
    at_fault = [name for name, over in zip(PLAYERS, figures.overshoots, strict=True) if over]
    sides = [side for side, over in zip(figures.audit, figures.overshoots, strict=True) if over]
    reasons = [f"A small displacement grows up to {figures.radius:.3g}-fold a step."]
    reasons += [
        f"The {name}'s own step was to lower its loss by {-side.own:.3g}; it raised it by {side.own_realised:.3g}."
        for name, side in zip(at_fault, sides, strict=True)
    ]
    only = at_fault == ["discriminator"] and setting.discriminator_learning_rate == setting.discriminator_learning_rate
    options = _options("--discriminator-learning-rate", setting.discriminator_learning_rate / 3) if only else ()
    return (
        f"Diverging at this step size: the {' and the '.join(at_fault)} jump{'s' * (len(at_fault) == 1)} too far.",
        reasons,
        "take shorter steps" + (" with the discriminator" if only else ""),
        options or _rate(setting, 1 / 3),
    )


def _rotating(figures: Figures, setting: Setting) -> tuple[str, list[str], str, tuple[str, ...]]:
    outward = figures.radius > 1 + GROWTH
    way = "outwards" if outward else "inwards" if figures.radius < 1 - GROWTH else "without coming nearer"
    reasons = [f"Of the strongest directions one turns by |Im z|/|z| = {figures.turning:.2f} (0 straight, 1 a circle)."]
    reasons += [f"A small displacement changes up to {figures.radius:.4g}-fold a step."]
    if figures.rotation_share == figures.rotation_share:
        reasons += [f"{100 * figures.rotation_share:.0f} % of the Jacobian's square is rotation."]
    if not setting.in_turns:
        advice, options = "let the players move in turns", ("--update", "alternating")
    elif setting.gamma == setting.gamma:
        advice, options = "damp with more gradient penalty", _options("--gamma", 3 * setting.gamma)
    else:
        advice, options = "look ahead", ("--update", "extragradient")
    return f"Rotating {way}: the players chase each other.", reasons, advice, options


def _outrun(figures: Figures, setting: Setting) -> tuple[str, list[str], str, tuple[str, ...]]:
    player = (
        0
        if not figures.outrun[1] >= OUTRUN
        else 1
        if not figures.outrun[0] >= OUTRUN
        else int(figures.outrun[1] > figures.outrun[0])
    )
    slow, fast, side = PLAYERS[player], PLAYERS[1 - player], figures.audit[player]
    reasons = [
        f"In one update the {slow} gains {-side.own:.3g} by its own step and loses {side.other:.3g} by the {fast}'s: "
        f"{figures.outrun[player]:.3g} times as much."
    ]
    options = (
        _options("--discriminator-learning-rate", setting.discriminator_learning_rate / 3)
        if player == 0
        else _options("--discriminator-learning-rate", setting.discriminator_learning_rate * 3)
    )
    return (
        f"The {fast} outruns the {slow}.",
        reasons,
        f"slow the {fast} down" if player == 0 else f"speed the {slow} up",
        options,
    )


def _converging(figures: Figures, setting: Setting) -> tuple[str, list[str], str, tuple[str, ...]]:
    return (
        "Converging: small displacements die away, mostly straight.",
        [
            f"Of those directions that a step moves most, each shrinks: to {figures.radius:.4g} of it or less.",
            f"Turning is |Im z|/|z| = {figures.turning:.2f} (0 straight, 1 a circle).",
        ],
        "nothing needs changing",
        (),
    )


def _unsettled(figures: Figures, setting: Setting) -> tuple[str, list[str], str, tuple[str, ...]]:
    reasons = []
    if figures.radius > 1 + GROWTH:
        reasons.append(
            f"A small displacement grows up to {figures.radius:.3g}-fold a step, yet the players' own steps do not "
            "raise their losses."
        )
    if figures.least_pull <= 0:
        reasons.append(
            f"Some directions lead away however short the steps (least Re z = {figures.least_pull:.3g}): usual for a "
            "generator that goes on learning."
        )
    reasons = reasons or ["No eigenvalue was found, so nothing is known of stability."]
    return "Unsettled: play has not come to rest here, and nothing alarming was found.", reasons, "train on", ()


_TOLD: dict[str, Callable[[Figures, Setting], tuple[str, list[str], str, tuple[str, ...]]]] = {
    "stalled": _stalled,
    "diverging": _diverging,
    "rotating": _rotating,
    "outrun": _outrun,
    "converging": _converging,
    "unsettled": _unsettled,
}


def _rate(setting: Setting, factor: float) -> tuple[str, ...]:
    return _options("--learning-rate", setting.learning_rate * factor)


def _options(name: str, value: float) -> tuple[str, ...]:
    """The option with two digits, none where its value is unknown."""
    return (name, f"{value:.2g}") if math.isfinite(value) else ()
