"""One line chart as SVG for a page: drawn by matplotlib, coloured by the page's style sheet (light and dark)."""

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from nablagan.report.markup import Markup
from nablagan.report.series import Series, broken_where_time_returns, smoothed, thinned
from nablagan.report.words import short_count

WIDTH, HEIGHT = 460, 250
INK = {
    "#0a0b01": "var(--muted)",
    "#0a0b02": "var(--grid)",
    "#0a0b03": "var(--axis)",
    "#0a0b04": "var(--mark-rollback)",
    "#0a0b05": "var(--mark-resume)",
    "#0a0b06": "var(--mark-warning)",
    **{f"#0a0c{i:02x}": f"var(--line-{i})" for i in range(1, 9)},
}
"""Stand-in colours of the drawing, and what they become in the page."""
TEXT, GRID, AXIS = list(INK)[:3]
MARK_COLOURS = {"rollback": "#0a0b04", "resume": "#0a0b05", "warning": "#0a0b06"}
MARK_STYLES = {"rollback": (0, (5, 2)), "resume": (0, (1, 2)), "warning": (0, (3, 2, 1, 2))}
MOST_MARKS = 40
OUTSIDE = 6.0
"""An axis leaves out extreme values when the whole span is over so many times that of the middle 99 %."""


@dataclass(frozen=True)
class Line:
    """A series, its label in the legend and its colour, 1 to 8."""

    series: Series
    label: str
    colour: int
    schedule: bool = False
    """Set by hand, not measured: never smoothed."""


@dataclass(frozen=True)
class Chart:
    """A drawn chart: its SVG and how many values lie outside its axis."""

    svg: Markup
    outside: int = 0
    is_smoothed: bool = False


def line_chart(
    identity: str,
    lines: list[Line],
    marks: dict[str, list[float]],
    log: bool = False,
    references: tuple[float, ...] = (),
    description: str = "",
) -> Chart:
    """Lines over the images seen, with vertical marks by kind and horizontal dashed references.

    `identity` makes the SVG's ids unique in the page. A line that is noisy is drawn faint, its moving mean strong.
    """
    with canvas(identity) as axes:
        log = log and all((line.series.finite > 0).any() for line in lines)
        _dress(axes, log)
        smooth = [_draw(axes, line, log, hides(lines, place)) for place, line in enumerate(lines)]
        outside = _limit(axes, lines, references, log)
        if log:
            _space_log_ticks(axes)
        _draw_marks(axes, marks)
        for value in references:
            axes.axhline(value, color=AXIS, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        svg = finished(axes, identity, description)
    return Chart(svg, outside, any(smooth))


@contextmanager
def canvas(identity: str) -> Iterator[Any]:
    """Empty matplotlib axes of the size of a chart, to be drawn on and `finished` within; numbers may be odd ones."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with (
        rc_context({"svg.fonttype": "none", "svg.hashsalt": identity}),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")  # a glyph missing or an axis without extent changes nothing that is read
        yield Figure(figsize=(WIDTH / 72, HEIGHT / 72), dpi=72, layout="constrained").add_subplot()


def finished(axes: Any, identity: str, description: str) -> Markup:
    """The drawing as SVG for a page; `identity`, that of its canvas, makes its ids unique there."""
    stream = StringIO()
    axes.figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(stream.getvalue(), identity, description)


def hides(lines: list[Line], place: int) -> bool:
    """Whether the line at this place covers an earlier one wholly: it is dashed then."""
    values = lines[place].series.values
    return any(np.array_equal(line.series.values, values, equal_nan=True) for line in lines[:place])


def _dress(axes: Any, log: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, ScalarFormatter

    if log:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6))
        formatter = ScalarFormatter(useOffset=False)
        formatter.set_powerlimits((-3, 4))
        axes.yaxis.set_major_formatter(formatter)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.set_xlabel("images seen", fontsize=11, color=TEXT)
    axes.tick_params(colors=TEXT, labelsize=11, length=0)
    axes.tick_params(which="minor", length=0)
    axes.yaxis.get_offset_text().set(color=TEXT, fontsize=11)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(AXIS)
    axes.margins(x=0.01, y=0.06)


def _space_log_ticks(axes: Any) -> None:
    """1, 2, 5 in each decade of a short axis, powers of ten on a long one."""
    from matplotlib.ticker import LogLocator

    low, high = axes.get_ylim()
    decades = math.log10(high / low)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,), numticks=8))


def _draw(axes: Any, line: Line, log: bool, dashed: bool) -> bool:
    """Draw a line; whether its moving mean was drawn too."""
    colour = f"#0a0c{line.colour:02x}"
    images, values = broken_where_time_returns(line.series)
    if log:
        values = np.where(values > 0, values, np.nan)
    smooth = None if line.schedule else smoothed(np.log(values) if log else values)
    few = np.isfinite(values).sum() < 12
    style = {"marker": "o", "markersize": 3.5} if few else {}
    strength = {"linewidth": 1.7} if smooth is None else {"linewidth": 0.9, "alpha": 0.3}
    dashes = {"linestyle": (0, (4, 4))} if dashed else {}
    axes.plot(*thinned(images, values), color=colour, zorder=2, **style, **strength, **dashes)
    if smooth is not None:
        axes.plot(*thinned(images, np.exp(smooth) if log else smooth), color=colour, linewidth=1.8, zorder=3, **dashes)
    return smooth is not None


def _limit(axes: Any, lines: list[Line], references: tuple[float, ...], log: bool) -> int:
    """Keep a few extreme values from flattening the rest; how many are left outside the axis."""
    values = np.concatenate([line.series.finite for line in lines])
    if log or len(values) < 20:
        return 0
    low, high = np.percentile(values, [0.5, 99.5])
    span = high - low
    if span <= 0 or np.ptp(values) <= OUTSIDE * span or not math.isfinite(span):
        return 0
    low, high = min(low, *references, low), max(high, *references, high)
    axes.set_ylim(low - 0.15 * span, high + 0.15 * span)
    bottom, top = axes.get_ylim()
    return int(((values < bottom) | (values > top)).sum())


def _draw_marks(axes: Any, marks: dict[str, list[float]]) -> None:
    limits = axes.get_xlim()
    for kind, places in marks.items():
        for place in sorted(set(places))[-MOST_MARKS:]:
            axes.axvline(place, color=MARK_COLOURS[kind], linewidth=1.2, linestyle=MARK_STYLES[kind], zorder=1.5)
    places = [place for some in marks.values() for place in some]
    axes.set_xlim(min([limits[0], *places]), max([limits[1], *places]))


def _for_page(svg: str, identity: str, description: str) -> Markup:
    """The svg element alone: no prolog, metadata or namespaces, ids of its own, colours from the style sheet."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # its rules would be the whole page's
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{identity}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{identity}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{identity}-\1"', svg)
    svg = re.sub(r"<svg [^>]*>", _opening(description), svg, count=1)
    return Markup(re.sub(r"#0a0[bc]\w\w", lambda match: INK[match.group()], svg))


def _opening(description: str) -> str:
    from nablagan.report.markup import tag

    opening = tag("svg", class_="plot", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=description)
    return opening.removesuffix("</svg>")
