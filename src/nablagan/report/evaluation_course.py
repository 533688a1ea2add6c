"""The measure that the best checkpoint is told by, over the images seen, with intervals, and what it cost."""

import math
from typing import Any

from nablagan.report.chart import TEXT
from nablagan.report.drawing import colour, drawing
from nablagan.report.markup import Markup, tag
from nablagan.report.record import Event, RunRecord
from nablagan.report.series import is_finite
from nablagan.report.summary import elapsed_seconds
from nablagan.report.words import full_count, number, plural, short_count, title_case

MOST_LETTERS = 300
OF_PIXELS = ("l1", "psnr", "ssim")
"""Figures that no network sees."""


def course(record: RunRecord) -> Markup:
    """The figure; empty for a run without evaluations."""
    events = record.of_kind("evaluation")
    if not events:
        return Markup()
    name = text(events[-1].get("by"))
    points = [point for event in events if (point := _point(event, name)) is not None]
    if not points:
        return tag("p", "Evaluations while training gave no finite value.", class_="missing")
    best = _best(events, name)

    def draw(axes: Any) -> None:
        from matplotlib.ticker import FuncFormatter

        images, values, lows, highs = zip(*points, strict=True)
        axes.vlines(images, lows, highs, color=colour(1), linewidth=1.6, alpha=0.6, zorder=2)
        axes.plot(images, values, color=colour(1), linewidth=1.6, marker="o", markersize=3.5, zorder=3)
        if best is not None:
            axes.plot([best[0]], [best[1]], marker="D", markersize=8, color=colour(3), linestyle="none", zorder=4)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
        axes.set_xlabel("images seen", fontsize=11, color=TEXT)

    title = f"{title_case(name)} while training"
    keys = [("value and 95 % interval", 1), *([("best checkpoint", 3)] if best else [])]
    legend = [
        tag("li", tag("i", class_="swatch", style=f"border-color:var(--line-{line})"), label) for label, line in keys
    ]
    return tag(
        "div",
        tag(
            "figure",
            tag("h3", title),
            tag("ul", *legend, class_="legend"),
            drawing("e-course", f"{title} over images seen", draw),
            tag("figcaption", _course_words(record, events, name, best)),
            class_="card curve",
        ),
        class_="charts",
    )


def evaluations_told(record: RunRecord) -> str:
    """What evaluations cost, how many were skipped, and the best moment, in a line; empty for a run without."""
    events = record.of_kind("evaluation")
    name = text(events[-1].get("by")) if events else ""
    best = _best(events, name)
    kept = f" Best {name.replace('_', ' ')}: {number(best[1])} at {full_count(best[0])} images." if best else ""
    return f"{_cost(record, events)}{_skipped(record)}{kept}".strip()


def _point(event: Event, name: str) -> tuple[float, float, float, float] | None:
    """Images seen, value, low and high; the interval is a point where there is none."""
    value = at(event, "measures", name)
    if not is_finite(value):
        return None
    bounds = at(event, "intervals", name)
    whole = isinstance(bounds, list) and len(bounds) == 2 and all(map(is_finite, bounds))
    low, high = bounds if whole else (value, value)
    return float(event["images_seen"]), float(value), float(low), float(high)


def _best(events: list[Event], name: str) -> tuple[float, float] | None:
    """Moment and value of the last evaluation that was the best when it was made."""
    for event in reversed(events):
        point = _point(event, name)
        if event.get("best") is True and event.get("by") == name and point:
            return point[:2]
    return None


def _seen_by(event: Event, name: str) -> str:
    """The network behind the measure; nothing for what is read off the pixels."""
    if name in OF_PIXELS:
        return ""
    found = at(event, "protocol", "stages" if name == "perceptual_distance" else "extractor", "name")
    return "" if found is None else f"{text(found)} features, "


def _course_words(record: RunRecord, events: list[Event], name: str, best: tuple[float, float] | None) -> str:
    count = at(events[-1], "protocol", "count")
    against = at(events[-1], "protocol", "against", "name")
    sides = f"{full_count(count)} samples a side, " if is_finite(count) else ""
    sides += _seen_by(events[-1], name)
    kept = f" The diamond is the checkpoint that is kept as best, {number(best[1])}." if best else ""
    reading = (
        "Moments whose intervals overlap cannot be told apart, and the best of many is partly luck: judge it anew, on "
        "data that the choice has not seen."
    )
    cost = f"{_cost(record, events)}{_skipped(record)}"
    return f"{sides}against {text(against)}. {reading}{kept} {cost}"


def _cost(record: RunRecord, events: list[Event]) -> str:
    """The part of the training's time that evaluations took."""
    seconds = [value for event in events if is_finite(value := at(event, "time", "seconds")) and value >= 0]
    whole = elapsed_seconds(record)
    if not seconds or not whole > 0 or not math.isfinite(whole):
        return ""
    return f"Evaluation took {100 * min(sum(seconds) / whole, 1):.1f} % of the time."


def _skipped(record: RunRecord) -> str:
    count = len(record.of_kind("skipped_evaluation"))
    return f" {plural(count, 'evaluation')} skipped, as it would have taken too much of it." if count else ""


def at(value: Any, *keys: str) -> Any:
    """What stands at a path of keys, None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str:
    """Any JSON value as a text that is not too long; empty for None."""
    return "" if value is None else str(value)[:MOST_LETTERS]


def interval(entry: Any) -> str:
    """Such as "0.1 to 0.2"; empty without."""
    low, high = at(entry, "low"), at(entry, "high")
    return f"{number(low)} to {number(high)}" if is_finite(low) and is_finite(high) else ""


def title_of(content: dict[str, Any], preposition: str) -> str:
    """The moment of the run that a record is of, and what it was judged on."""
    seen = at(content, "generated", "images_seen")
    moment = f"After {full_count(seen)} images" if is_finite(seen) else "Evaluation"
    role = at(content, "against", "role")
    return f"{moment}, {preposition} {text(at(content, 'against', 'name'))}{f' ({text(role)})' if role else ''}"
