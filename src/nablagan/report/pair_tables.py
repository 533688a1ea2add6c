"""Tables of candidates and figures with intervals, the best of each marked, and how each figure is read."""

from typing import Any

from nablagan.report.evaluation_course import at, interval, text
from nablagan.report.markup import Markup, join, tag
from nablagan.report.series import is_finite
from nablagan.report.words import WAYS, figure_name, number, title_case

MOST_CANDIDATES, MOST_FIGURES = 12, 10
Figures = dict[str, dict[str, Any]]
"""{CANDIDATE: {FIGURE: entry}}."""
READINGS = {
    "l1": "Mean absolute difference to the truth, as a share of the range. Where several answers are right, their "
    "blurred mean has the least: alone it rewards blur.",
    "psnr": "Decibels of the mean squared difference over all images. It prefers blur as L1 does, and a few bad images "
    "decide it.",
    "ssim": "Likeness of local means, contrasts and structures; 1 for equal images. Empty backgrounds agree in every "
    "candidate and raise it.",
    "perceptual_distance": "Difference of a network's features place by place; 0 for equal images. It sees sharpness, "
    "and means nothing across networks.",
    "kernel_distance": "Whether the outputs as a set look like the truths; 0 for equal distributions, below 0 by "
    "chance. It does not see whether an output belongs to its own input.",
}
"""How each figure is read, and its pitfall."""


def figures_of(content: Any) -> Figures:
    """The candidates' figures as far as they are ones, not too many."""
    found = at(content, "figures")
    candidates = list(found.items())[:MOST_CANDIDATES] if isinstance(found, dict) else []
    sound = {text(name): _entries(entries) for name, entries in candidates if isinstance(entries, dict)}
    return {name: entries for name, entries in sound.items() if entries}


def _entries(entries: dict[str, Any]) -> dict[str, Any]:
    return {text(name): entry for name, entry in list(entries.items())[:MOST_FIGURES] if isinstance(entry, dict)}


def names_of_figures(figures: Figures) -> list[str]:
    """Every figure that a candidate has, in order."""
    return list(dict.fromkeys(name for entries in figures.values() for name in entries))[:MOST_FIGURES]


def table(figures: Figures, first: str) -> Markup:
    """A row a candidate, the first on top; a column a figure."""
    names = names_of_figures(figures)
    rows = sorted(figures, key=lambda candidate: candidate != first)
    best = {name: best_of(figures, name) for name in names}
    head = tag("tr", tag("th", ""), *(_head(name, figures) for name in names))
    body = [_row(candidate, figures[candidate], names, best) for candidate in rows]
    whole = tag("table", tag("thead", head), tag("tbody", *body), class_="metrics candidates")
    return tag("div", whole, class_="wide")


def best_of(figures: Figures, name: str) -> list[str]:
    """The candidates with the best value of a figure; none where it has no better way."""
    found = {candidate: entries.get(name) for candidate, entries in figures.items()}
    values = {candidate: float(value) for candidate, each in found.items() if is_finite(value := at(each, "value"))}
    ways = {str(at(found[candidate], "better")) for candidate in values}
    if len(ways) != 1 or not ways <= set(WAYS) or len(values) < 2:
        return []
    choose = min if ways == {"less"} else max
    target = choose(values.values())
    return [candidate for candidate, value in values.items() if value == target]


def candidate_name(name: str) -> str:
    """`nearest_source` as people write it."""
    return title_case(name)


def share(entry: Any) -> str:
    """Such as "83.0 % [78.1, 87.0]"; empty without a value."""
    value, low, high = (at(entry, key) for key in ("value", "low", "high"))
    if not is_finite(value):
        return ""
    bounds = f" [{100 * low:.1f}, {100 * high:.1f}]" if is_finite(low) and is_finite(high) else ""
    return f"{100 * value:.1f} %{bounds}"


def readings(figures: Figures) -> Markup:
    """A line for each figure of the table that there are words for, to unfold."""
    told = [join(tag("b", figure_name(n)), f": {READINGS[n]}") for n in names_of_figures(figures) if n in READINGS]
    if not told:
        return Markup()
    return tag("details", tag("summary", "How to read these figures"), tag("ul", *(tag("li", line) for line in told)))


def _head(name: str, figures: Figures) -> Markup:
    ways = [WAYS.get(str(at(entries.get(name), "better")), "") for entries in figures.values()]
    return tag("th", figure_name(name), tag("small", next(filter(None, ways), "")), scope="col", class_="figure")


def _row(candidate: str, entries: dict[str, Any], names: list[str], best: dict[str, list[str]]) -> Markup:
    cells = [_cell(entries.get(name), candidate in best[name]) for name in names]
    return tag("tr", tag("th", candidate_name(candidate), scope="row"), *cells)


def _cell(entry: Any, is_best: bool) -> Markup:
    value = number(at(entry, "value"))
    shown = tag("b", "★ ", value) if is_best else value
    return tag("td", shown, tag("small", interval(entry)), class_="figure best" if is_best else "figure")
