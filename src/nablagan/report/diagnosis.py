"""What `nablagan diagnose` found: the verdict, spectrum, path and audit of the newest checkpoint examined."""

import math
from typing import Any

from nablagan.report.chart import AXIS, TEXT
from nablagan.report.contents import contents
from nablagan.report.drawing import colour, drawing
from nablagan.report.markup import Markup, join, tag
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite
from nablagan.report.words import full_count, number

MOST = 40
"""Diagnoses that are listed, the newest ones."""
KINDS = ("converging", "rotating", "diverging", "outrun", "stalled", "unsettled")
READINGS = {
    "step": (
        "Each point is what one step multiplies a small displacement by, for those parts of it that the step "
        "moves most. Inside the circle it dies away, outside it grows; on the left it jumps across, off the "
        "horizontal axis it turns."
    ),
    "jacobian": (
        "Eigenvalues of the game's Jacobian, whatever the step size: to the right of the vertical line play "
        "is attracted, to the left driven away, and far above or below the horizontal one it goes round."
    ),
    "path": (
        "Along the straight line from the checkpoint before (0) to this one (1). A jump of the angle from -1 "
        "to +1 across 1: play is attracted to this place; a bump without a jump: it goes round it. The dashed"
        " norm, low at 1, says that it is nearly at rest."
    ),
    "audit": (
        "What the run's next update does to each loss: hollow bars what first derivatives expect, full bars "
        "what happened, diamonds the same on samples that the update has not seen. Own steps should fall short of"
        " 0 to the left; one to the right jumps too far."
    ),
}


def diagnosis(record: RunRecord) -> Markup:
    """The section; empty where nothing was diagnosed. What cannot be read or drawn is noted in the record."""
    found = contents(record, "diagnosis/images-*.json", MOST, is_diagnosis, "diagnosis")
    if not found:
        return Markup()
    *older, newest = sorted(found, key=lambda content: content["images_seen"])
    figures = (_plane(newest, "step"), _plane(newest, "jacobian"), _path(newest), _audit(newest))
    listed = tag("ul", *(tag("li", _line(content)) for content in older), class_="diagnoses")
    return join(
        _verdict(newest),
        tag("div", *(figure for figure in figures if figure), class_="charts"),
        join(tag("h4", "Earlier checkpoints"), listed) if older else Markup(),
    )


def is_diagnosis(content: Any) -> bool:
    """Whether the content of a file has what a diagnosis has."""
    return is_finite(_at(content, "images_seen")) and isinstance(_at(content, "verdict", "title"), str)


def _at(value: Any, *keys: Any) -> Any:
    """What stands at a path of keys and places, None where there is nothing."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def _line(content: dict[str, Any]) -> str:
    return f"{full_count(content['images_seen'])} images: {content['verdict']['title']}"


def _verdict(content: dict[str, Any]) -> Markup:
    verdict = content["verdict"]
    kind = verdict.get("kind") if verdict.get("kind") in KINDS else "unsettled"
    reasons = verdict.get("because") if isinstance(verdict.get("because"), list) else []
    samples = _at(content, "groups", 0, "samples")
    size = f" (two groups of {full_count(samples)} samples)" if is_finite(samples) else ""
    return tag(
        "div",
        tag("p", tag("b", _line(content)), class_=f"verdict {kind}"),
        tag("ul", *(tag("li", str(reason)) for reason in reasons[:20]), class_="because"),
        tag(
            "p",
            f"How sure: {verdict.get('sure', '–')}{size}. What to change: {verdict.get('advice', '–')}.",
            class_="note",
        ),
        tag("pre", tag("code", content["command"])) if isinstance(content.get("command"), str) else "",
        class_="card",
    )


def _card(title: str, picture: Markup, reading: str, *keys: tuple[str, int, str]) -> Markup:
    legend = [
        tag("li", tag("i", class_=f"swatch {style}".strip(), style=f"border-color:var(--line-{line})"), label)
        for label, line, style in keys
    ]
    return tag(
        "figure",
        tag("h3", title),
        tag("ul", *legend, class_="legend") if legend else "",
        picture,
        tag("figcaption", reading),
        class_="card curve",
    )


def _points(values: Any) -> list[tuple[float, float]]:
    """Complex numbers as a file holds them; others are left out."""
    pairs = values if isinstance(values, list) else []
    return [
        (pair[0], pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2 and all(map(is_finite, pair))
    ]


def _plane(content: dict[str, Any], name: str) -> Markup:
    """The eigenvalues of each group of batches in the complex plane."""
    groups = [_at(content, "groups", place, name) for place in (0, 1)]
    found = [_points(_at(group, "values")) for group in groups]
    if not any(found):
        return Markup()

    def draw(axes: Any) -> None:
        for points, line, marker in zip(found, (1, 2), ("o", "x"), strict=True):
            if points:
                axes.scatter(*zip(*points, strict=True), s=42, marker=marker, color=colour(line), zorder=3)
        axes.axhline(0, color=AXIS, linewidth=0.8, zorder=1)
        if name == "step":
            turn = [2 * math.pi * k / 200 for k in range(201)]
            axes.plot(
                [math.cos(t) for t in turn], [math.sin(t) for t in turn], color=colour(3), linewidth=1.6, zorder=2
            )
        else:
            axes.axvline(0, color=AXIS, linewidth=1.3, zorder=1)
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.12)
        axes.set_xlabel("real part", fontsize=11, color=TEXT)
        axes.set_ylabel("imaginary part", fontsize=11, color=TEXT)

    order = {"alternating": "players in turns", "simultaneous": "both players at once"}
    how = order.get(str(_at(content, "move", "linearised")), "")
    title = f"One step{', ' + how if how else ''}" if name == "step" else "Jacobian"
    partial = [group for group in groups if isinstance(group, dict) and group.get("complete") is False]
    reading = READINGS[name] + (" Partial: not all eigenvalues asked for were found." if partial else "")
    keys = [
        (label, line, "")
        for label, line, points in zip(("first batches", "second batches"), (1, 2), found, strict=True)
        if points
    ]
    keys += [("stability circle", 3, "")] if name == "step" else []
    return _card(title, drawing(f"d-{name}", f"{title}: eigenvalues in the complex plane", draw), reading, *keys)


def _path(content: dict[str, Any]) -> Markup:
    """Angle and norm along the way from the checkpoint before."""
    columns = [_at(content, "path", name) for name in ("positions", "angles", "norms")]
    if not all(isinstance(column, list) for column in columns):
        return Markup()
    rows = [row for row in zip(*columns, strict=False) if all(map(is_finite, row))]
    if not rows:
        return Markup()
    positions, angles, norms = zip(*rows, strict=True)

    def draw(axes: Any) -> None:
        axes.plot(positions, angles, color=colour(1), linewidth=1.8, marker="o", markersize=3)
        axes.axhline(0, color=AXIS, linewidth=0.8)
        axes.axvline(1, color=AXIS, linewidth=1.3)
        axes.set_ylim(-1.08, 1.08)
        axes.set_xlabel("0 the checkpoint before, 1 this one", fontsize=11, color=TEXT)
        axes.set_ylabel("angle (cosine)", fontsize=11, color=TEXT)
        right = axes.twinx()
        right.plot(positions, norms, color=colour(5), linewidth=1.4, linestyle=(0, (4, 3)))
        right.set_ylim(bottom=0)
        right.tick_params(colors=TEXT, labelsize=11, length=0)
        right.set_ylabel("norm", fontsize=11, color=TEXT)
        right.spines[:].set_visible(False)

    since = _at(content, "path", "from_images")
    title = f"Path from {full_count(since)} images" if is_finite(since) else "Path"
    picture = drawing("d-path", "Path angle and path norm between two checkpoints", draw)
    return _card(title, picture, READINGS["path"], ("angle", 1, ""), ("norm of the field", 5, "dashed"))


ROWS = (
    ("own step", ("own",), "own_realised"),
    ("other's step", ("other",), "other_realised"),
    ("both", ("own", "other"), "realised"),
)


def _audit(content: dict[str, Any]) -> Markup:
    """Expected and realised changes of both losses, as bars."""
    bars = [
        (f"{player[0].upper()}: {label}", line, *_bar(content, player, expected, realised))
        for player, line in (("generator", 1), ("discriminator", 2))
        for label, expected, realised in ROWS
    ]
    bars = [bar for bar in bars if is_finite(bar[2]) and is_finite(bar[3])]
    if not bars:
        return Markup()

    def draw(axes: Any) -> None:
        for place, (_, line, expected, realised, unseen) in enumerate(bars):
            axes.barh(place - 0.18, expected, 0.3, facecolor="none", edgecolor=colour(line), linewidth=1.3, zorder=2)
            axes.barh(place + 0.18, realised, 0.34, color=colour(line), zorder=2)
            if is_finite(unseen):
                axes.plot([unseen], [place + 0.18], marker="D", color=colour(3), markersize=5, zorder=3)
        axes.set_yticks(range(len(bars)), [bar[0] for bar in bars])
        axes.invert_yaxis()
        axes.axvline(0, color=AXIS, linewidth=1.2)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("change of the loss by one update", fontsize=11, color=TEXT)

    own, lost = (
        number(_at(content, "groups", 0, "audit", "generator", key)) for key in ("own_realised", "other_realised")
    )
    words = (
        f" Here the generator's loss changes by {own} through its own step and by {lost} through the discriminator's."
    )
    picture = drawing("d-audit", "Audit of one update", draw)
    return _card(
        "Audit of one update", picture, READINGS["audit"] + words, ("generator", 1, ""), ("discriminator", 2, "")
    )


def _bar(content: dict[str, Any], player: str, expected: tuple[str, ...], realised: str) -> tuple[Any, Any, Any]:
    """(expected, realised, realised on the second group); None where there is none."""
    first, second = (_at(content, "groups", place, "audit", player) for place in (0, 1))
    terms = [_at(first, name) for name in expected]
    whole = sum(terms) if all(map(is_finite, terms)) else None
    return whole, _at(first, realised), _at(second, realised)
