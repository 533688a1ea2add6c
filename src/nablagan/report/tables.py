"""config.json, data.json and environment.json as tables to unfold."""

from collections.abc import Iterator
from typing import Any

from nablagan.report.markup import Markup, join, tag
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite
from nablagan.report.words import full_count, plural

Row = tuple[str, str]
MOST_ROWS = 300
MOST_ITEMS = 60
MOST_LETTERS = 1_000
MOST_CLASSES = 100
MOST_BAD = 100
DEEPEST = 6
SCHEDULE = {"start", "end", "images"}
SHOWN_APART = ("classes", "class_counts", "bad", "bad_count")
NONE = "–"


def settings(record: RunRecord) -> Markup:
    """The three files, each to unfold; a file that is missing or empty is left out."""
    return join(
        _unfolding("Settings", "config.json", _table(rows(record.config))),
        _unfolding("Data", "data.json", _data(record.data)),
        _unfolding("Environment", "environment.json", _table(rows(record.environment))),
    )


def rows(value: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Row]:
    """Names (nested ones joined by dots) and values in words, in the order of the file."""
    for key, item in value.items():
        name = f"{prefix}{key}"
        inner = _as_mapping(item)
        if inner and set(inner) != SCHEDULE and depth < DEEPEST:
            yield from rows(inner, f"{name}.", depth + 1)
        else:
            yield name, in_words(item)


def in_words(value: Any) -> str:
    """A JSON value for people: schedules as sentences, lists joined, long texts cut.

    >>> in_words({"start": 0.2, "end": 0.02, "images": 1000}).replace(chr(8239), "_")
    '0.2 → 0.02 over 1_000 images (cosine)'
    """
    if isinstance(value, dict) and set(value) == SCHEDULE:
        return _schedule(value)
    if isinstance(value, dict):
        return "…" if value else NONE
    if isinstance(value, list):
        left = len(value) - MOST_ITEMS
        text = ", ".join(_scalar(item) for item in value[:MOST_ITEMS]) or NONE
        return f"{text} and {full_count(left)} more" if left > 0 else text
    return _scalar(value)


def _schedule(value: dict[str, Any]) -> str:
    start, end, images = (_scalar(value[name]) for name in ("start", "end", "images"))
    return f"{start}, constant" if start == end else f"{start} → {end} over {images} images (cosine)"


def _scalar(value: Any) -> str:
    if isinstance(value, dict | list):
        return "…"
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and is_finite(value):
        return full_count(value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + "…"


def _as_mapping(item: Any) -> dict[str, Any]:
    """A mapping as it is, a list of mappings with its places as keys, else nothing."""
    if isinstance(item, list) and item and all(isinstance(part, dict) for part in item):
        return {str(place): part for place, part in enumerate(item, 1)}
    return item if isinstance(item, dict) else {}


def _unfolding(title: str, file: str, content: Markup) -> Markup:
    if not content:
        return Markup()
    return tag("details", tag("summary", title, tag("small", file)), content, class_="card")


def _table(lines: Iterator[Row]) -> Markup:
    content = [row for row, _ in zip(lines, range(MOST_ROWS + 1), strict=False)]
    cells = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in content[:MOST_ROWS]]
    cut = tag("p", f"Only the first {MOST_ROWS} rows are shown.", class_="note") if len(content) > MOST_ROWS else ""
    return join(tag("table", tag("tbody", *cells), class_="facts-table"), cut) if cells else Markup()


def _data(data: dict[str, Any]) -> Markup:
    table = _table(rows({name: value for name, value in data.items() if name not in SHOWN_APART}))
    return join(table, _classes(data), _bad(data)) if data else Markup()


def _classes(data: dict[str, Any]) -> Markup:
    """The classes' counts as bars, or their names where there are no counts."""
    counts, names = data.get("class_counts"), data.get("classes")
    if not isinstance(counts, dict) or not counts:
        known = isinstance(names, list) and names
        return join(tag("h4", "Classes"), tag("p", in_words(names))) if known else Markup()
    known = {name: count for name, count in counts.items() if is_finite(count) and count >= 0}
    most = max([*known.values(), 1])
    lines = [_class(name, count, count / most) for name, count in list(known.items())[:MOST_CLASSES]]
    left = len(known) - MOST_CLASSES
    more = tag("p", f"and {plural(left, 'class', 'classes')} more", class_="note") if left > 0 else ""
    return join(tag("h4", plural(len(known), "class", "classes")), tag("ul", *lines, class_="classes"), more)


def _class(name: str, count: float, part: float) -> Markup:
    bar = tag("i", tag("i", class_="bar", style=f"width:{100 * part:.1f}%"), class_="track")
    return tag("li", tag("span", name), bar, tag("b", full_count(count)))


def _bad(data: dict[str, Any]) -> Markup:
    """The files that could not be used, by reason."""
    bad = data.get("bad")
    if not isinstance(bad, dict):
        return Markup()
    if not bad:
        return join(tag("h4", "Unusable files"), tag("p", "None."))
    return join(tag("h4", "Unusable files, skipped"), *(_reason(reason, files) for reason, files in bad.items()))


def _reason(reason: str, files: Any) -> Markup:
    if not isinstance(files, list):
        return tag("p", tag("b", reason), f": {in_words(files)}")
    names = [tag("li", in_words(name)) for name in files[:MOST_BAD]]
    left = len(files) - MOST_BAD
    more = [tag("li", f"and {full_count(left)} more: data.json has them all")] if left > 0 else []
    summary = tag("summary", reason, tag("small", plural(len(files), "file")))
    return tag("details", summary, tag("ul", *names, *more, class_="files"), class_="bad")
