"""Plots of candidates with intervals: near to each truth against alike as a set, and by kinds of holes."""

from typing import Any

from nablagan.report.chart import TEXT
from nablagan.report.drawing import colour, drawing
from nablagan.report.evaluation_course import at, text
from nablagan.report.markup import Markup, tag
from nablagan.report.pair_tables import Figures, candidate_name, figures_of
from nablagan.report.series import is_finite
from nablagan.report.words import figure_name, figure_word

DISTORTION, LIKENESS, BY_GROUP = "l1", "kernel_distance", "perceptual_distance"
MOST_GROUPS = 6
Point = tuple[float, float, float]
"""Value, low, high."""


def charts(content: dict[str, Any], first: str) -> Markup:
    """The plane of L1 and kernel distance; with kinds of holes, the perceptual distance of each too."""
    drawn = [chart for chart in (_plane(figures_of(content), first), _by_group(content, first)) if chart]
    return tag("div", *drawn, class_="charts") if drawn else Markup()


def point(entry: Any) -> Point | None:
    """An entry's value and interval, which is a point where there is none; None without a value."""
    value, low, high = (at(entry, key) for key in ("value", "low", "high"))
    if not is_finite(value):
        return None
    whole = is_finite(low) and is_finite(high)
    return float(value), float(low if whole else value), float(high if whole else value)


def _ink(place: int) -> str:
    return colour(place % 8 + 1)


def _ordered(figures: Figures, first: str) -> list[str]:
    return sorted(figures, key=lambda name: name != first)


def _plane(figures: Figures, first: str) -> Markup:
    """Distortion and likeness pull apart (Blau & Michaeli 2018): no candidate has the least of both for nothing."""
    found = {
        name: (across, up)
        for name in _ordered(figures, first)
        if (across := point(figures[name].get(DISTORTION))) and (up := point(figures[name].get(LIKENESS)))
    }
    if len(found) < 2:
        return Markup()

    def draw(axes: Any) -> None:
        from matplotlib.ticker import FuncFormatter

        for place, (across, up) in enumerate(found.values()):
            axes.plot(across[1:], [up[0]] * 2, color=_ink(place), linewidth=1.2)
            axes.plot([across[0]] * 2, up[1:], color=_ink(place), linewidth=1.2)
            axes.plot([across[0]], [up[0]], "D" if place == 0 else "o", color=_ink(place), markersize=6)
        axes.set_yscale("symlog", linthresh=0.1)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel(figure_name(DISTORTION), fontsize=11, color=TEXT)
        axes.set_ylabel(figure_word(LIKENESS), fontsize=11, color=TEXT)

    words = (
        "Lower left is better. Left: near to each truth; low: alike as a set. Regression goes left by blurring, an "
        "adversary down by inventing detail: judge both together. The vertical axis is logarithmic above 0.1."
    )
    svg = drawing("pairs-plane", "L1 and kernel distance of each candidate", draw)
    return _card("Near to the truth, and like the truths", list(found), svg, words)


def _by_group(content: dict[str, Any], first: str) -> Markup:
    groups = content.get("groups")
    tables = {text(name): figures_of(each) for name, each in groups.items()} if isinstance(groups, dict) else {}
    kinds = [name for name, figures in tables.items() if figures][:MOST_GROUPS]
    candidates = _ordered({name: {} for kind in kinds for name in tables[kind]}, first)
    lines = {
        name: [(place, found) for place, kind in enumerate(kinds) if (found := _of_group(tables[kind], name))]
        for name in candidates
    }
    drawn = {name: points for name, points in lines.items() if points}
    if len(kinds) < 2 or not drawn:
        return Markup()

    def draw(axes: Any) -> None:
        for place, points in enumerate(drawn.values()):
            across = [at_kind + 0.06 * (place - len(drawn) / 2) for at_kind, _ in points]
            values, lows, highs = zip(*(found for _, found in points), strict=True)
            axes.vlines(across, lows, highs, color=_ink(place), linewidth=1.2)
            axes.plot(across, values, "D-" if place == 0 else "o-", color=_ink(place), linewidth=1, markersize=4.5)
        axes.set_xticks(range(len(kinds)), kinds, fontsize=11)

    svg = drawing("pairs-holes", f"{figure_name(BY_GROUP)} by kind of hole", draw)
    return _card(
        f"{figure_name(BY_GROUP)} by kind of hole", list(drawn), svg, "Points and 95 % intervals; less is better."
    )


def _of_group(figures: Figures, name: str) -> Point | None:
    return point(figures.get(name, {}).get(BY_GROUP))


def _card(title: str, names: list[str], svg: Markup, words: str) -> Markup:
    keys = [
        tag("li", tag("i", class_="swatch", style=f"border-color:var(--line-{place % 8 + 1})"), candidate_name(name))
        for place, name in enumerate(names)
    ]
    figure = [tag("h3", title), tag("ul", *keys, class_="legend"), svg, tag("figcaption", words)]
    return tag("figure", *figure, class_="card curve")
