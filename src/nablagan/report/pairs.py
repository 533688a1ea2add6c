"""What `nablagan evaluate` found of a run that starts from images: candidates, holes, nearness, and the pictures."""

from typing import Any

from nablagan.report.contents import contents
from nablagan.report.evaluation_course import at, text, title_of
from nablagan.report.gallery import columned
from nablagan.report.markup import Markup, empty_tag, join, tag
from nablagan.report.pair_charts import charts
from nablagan.report.pair_tables import MOST_CANDIDATES, candidate_name, figures_of, readings, share, table
from nablagan.report.pictures import named_picture
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite
from nablagan.report.words import figure_name, figure_word, number, plural, sentence_list

DIRECTORY = "pairs"
MOST, MOST_GROUPS, MOST_DISTANCES = 20, 6, 4
PICTURE_BYTES = 900_000
COLUMN_PIXELS = 90
"""Width of a column of the picture, at most."""
NEARER = {
    "than_input": "than the input",
    "than_random": "than another truth, drawn at random,",
    "than_both": "than both",
}
HOW_NEAR = (
    "Shares of outputs; an output that copies its input has 0 % of the first, and the second is easy where inputs "
    "resemble their truths."
)
HOW_SURE = "Surely: the 95 % interval of the difference, taken pair by pair, leaves out 0."


def pairs(record: RunRecord) -> Markup:
    """The section; empty where no pairs were judged. What cannot be read or drawn is noted in the record."""
    found = sorted(contents(record, f"{DIRECTORY}/*.json", MOST, is_pair_record, "evaluation of pairs"), key=_moment)
    if not found:
        return Markup()
    older = [tag("li", _line(content)) for content in found[:-1]]
    return join(
        *_newest(record, found[-1]),
        join(tag("h4", "Other evaluations of pairs"), tag("ul", *older, class_="diagnoses")) if older else Markup(),
    )


def is_pair_record(content: Any) -> bool:
    """Whether the content of a file has what a record of pairs has."""
    return isinstance(at(content, "figures"), dict)


def _moment(content: dict[str, Any]) -> float:
    seen = at(content, "generated", "images_seen")
    return float(seen) if is_finite(seen) else 0.0


def _newest(record: RunRecord, content: dict[str, Any]) -> list[Markup]:
    first = text(content.get("first"))
    whole = figures_of(content)
    lines = [*_nearness(content), *_certain(content, first), *_missing(content)]
    card = tag(
        "div",
        tag("h3", title_of(content, "on")),
        tag("p", _conditions(content), class_="note"),
        table(whole, first),
        tag("ul", *(tag("li", line) for line in lines), class_="told") if lines else "",
        readings(whole),
        class_="card",
    )
    return [card, _picture(record, content), charts(content, first), *_groups(content, first)]


def _groups(content: dict[str, Any], first: str) -> list[Markup]:
    """A table for each kind of hole."""
    groups = content.get("groups")
    chosen = list(groups.items())[:MOST_GROUPS] if isinstance(groups, dict) else []
    return [_group(text(name), found, first) for name, found in chosen if figures_of(found)]


def _group(name: str, found: dict[str, Any], first: str) -> Markup:
    count = found.get("count")
    title = f"Holes: {name}" + (f", {plural(count, 'image')}" if is_finite(count) else "")
    return tag("div", tag("h3", title), table(figures_of(found), first), class_="card")


def _conditions(content: dict[str, Any]) -> str:
    count, seed = content.get("count"), content.get("seed")
    holes = " L1, PSNR and SSIM over the missing pixels, distances of whole images." * (content.get("masked") is True)
    networks = [
        f"{title}: {text(name)}."
        for title, key in (("Kernel distance", "extractor"), ("Perceptual distance", "stages"))
        if (name := at(content, "protocol", key, "name"))
    ]
    counted = f"{plural(count, 'pair')}" if is_finite(count) else "Pairs"
    seeded = f", seed {text(seed)}" if seed is not None else ""
    return f"{counted}{seeded}. Value and 95 % interval; ★ the best of each figure.{holes} {' '.join(networks)}".strip()


def _nearness(content: dict[str, Any]) -> list[Markup]:
    """How often an output is nearer to its own truth than other images are."""
    found = content.get("nearness")
    chosen = list(found.items())[:MOST_DISTANCES] if isinstance(found, dict) else []
    told = [_nearer(text(name), shares) for name, shares in chosen if _shares(shares)]
    return [*told, join(HOW_NEAR)] if told else []


def _nearer(name: str, shares: Any) -> Markup:
    return join(tag("b", f"Nearer to its counterpart by {figure_word(name)}: "), f"{sentence_list(_shares(shares))}.")


def _shares(shares: Any) -> list[str]:
    found = {words: share(at(shares, key)) for key, words in NEARER.items()}
    return [f"{words} in {told}" for words, told in found.items() if told]


def _certain(content: dict[str, Any], first: str) -> list[Markup]:
    """Where the first candidate surely differs from another, and which way."""
    differences = content.get("differences")
    found = list(differences.items())[:MOST_CANDIDATES] if isinstance(differences, dict) else []
    told = [
        join(tag("b", f"{candidate_name(first)} beside {candidate_name(text(name))}: "), f"{words}.")
        for name, entries in found
        if isinstance(entries, dict) and (words := _differs(content, first, entries))
    ]
    return [*told, join(HOW_SURE)] if told else []


def _differs(content: dict[str, Any], first: str, entries: dict[str, Any]) -> str:
    sides: dict[str, list[str]] = {"surely better": [], "surely worse": [], "not surely different": []}
    for name, entry in entries.items():
        side = _side(at(content, "figures", first, name, "better"), at(entry, "low"), at(entry, "high"))
        if side:
            sides[side].append(figure_word(text(name)))
    return "; ".join(f"{side} in {sentence_list(names)}" for side, names in sides.items() if names)


def _side(better: Any, low: Any, high: Any) -> str:
    """What the interval of a difference says of the first; empty where it says nothing."""
    if better not in ("less", "more") or not is_finite(low) or not is_finite(high):
        return ""
    if low <= 0 <= high:
        return "not surely different"
    return "surely better" if (high < 0) == (better == "less") else "surely worse"


def _missing(content: dict[str, Any]) -> list[Markup]:
    """The baselines that could not be had, and why."""
    found = content.get("baselines_missing")
    chosen = list(found.items())[:MOST_CANDIDATES] if isinstance(found, dict) else []
    return [join(tag("b", f"Left out, {candidate_name(text(name))}: "), text(why)) for name, why in chosen]


def _picture(record: RunRecord, content: dict[str, Any]) -> Markup:
    """Outputs side by side under the names of their columns; the file's name must be that of one in the directory."""
    shown = named_picture(record, DIRECTORY, content.get("picture"), PICTURE_BYTES)
    if shown is None:
        return Markup()
    names = [text(each) for each in _columns(content)]
    words = "The first pairs, not chosen; of holes, some of every kind. One row a pair."
    image = empty_tag(
        "img", src=shown.uri, width=str(shown.width), height=str(shown.height), alt="Outputs beside truths"
    )
    return tag(
        "figure",
        tag("h3", "Side by side"),
        columned(image, names, COLUMN_PIXELS),
        tag("figcaption", words),
        class_="card",
    )


def _columns(content: dict[str, Any]) -> list[Any]:
    columns = content.get("columns")
    return columns if isinstance(columns, list) and 0 < len(columns) <= MOST_CANDIDATES else []


def _line(content: dict[str, Any]) -> str:
    figures = at(content, "figures", text(content.get("first")))
    told = [
        f"{figure_name(text(name))} {number(at(entry, 'value'))}"
        for name, entry in (list(figures.items())[:8] if isinstance(figures, dict) else [])
    ]
    return f"{title_of(content, 'on')}{': ' if told else ''}{', '.join(told)}"
