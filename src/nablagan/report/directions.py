"""What `nablagan explain` found: strips of images along latent directions, and the numbers of the Jacobian."""

import json
from typing import Any

from nablagan.report.markup import Markup, empty_tag, tag
from nablagan.report.pictures import Picture, is_inside, picture
from nablagan.report.record import UNREADABLE, RunRecord
from nablagan.report.series import is_finite
from nablagan.report.words import full_count, number, plural

DIRECTORY, FILE = "explanation", "explain.json"
PICTURE_BYTES, MOST_GROUPS, MOST_LETTERS = 120_000, 12, 300


def directions(record: RunRecord) -> Markup:
    """The section's content; empty where nothing was explained. What cannot be read is noted in the problems."""
    content = _read(record)
    groups = content.get("groups")
    figures = [_figure(record, group) for group in groups[:MOST_GROUPS]] if isinstance(groups, list) else []
    if not any(figures):
        return Markup()
    return tag("div", _how_to_read(content), tag("div", *figures, class_="pair"), _numbers(content))


def _read(record: RunRecord) -> dict[str, Any]:
    path = record.directory / DIRECTORY / FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except UNREADABLE as error:
        _note(record, f"{DIRECTORY}/{FILE} cannot be read ({error}): `nablagan explain` writes it again.")
        return {}
    if not isinstance(content, dict):
        _note(record, f"{DIRECTORY}/{FILE} holds no JSON object: `nablagan explain` writes it again.")
        return {}
    return content


def _note(record: RunRecord, problem: str) -> None:
    if problem not in record.problems:
        record.problems.append(problem)


def _how_to_read(content: dict[str, Any]) -> Markup:
    amounts = content.get("amounts")
    ends = amounts if isinstance(amounts, list) and amounts and all(map(is_finite, amounts)) else [-3, 3]
    moment = content.get("images_seen")
    which = f"Of the generator after {full_count(moment)} images. " if is_finite(moment) else ""
    return tag(
        "p",
        f"{which}Each row moves one latent along one direction, by {number(ends[0])} to {number(ends[-1])} standard "
        "deviations; the sample itself is in the middle. The last picture is the directional derivative: red gets ",
        " lighter along the direction, blue darker; of colour images each channel stands about mid-grey. ",
        "A direction is worth a name when it does the same to every sample.",
        class_="note",
    )


def _figure(record: RunRecord, group: Any) -> Markup:
    if not isinstance(group, dict):
        return Markup()
    name = f"{DIRECTORY}/{group.get('file')}"
    if not is_inside(record.directory, name):
        _note(record, f"{name[:MOST_LETTERS]} is missing.")
        return Markup()
    problems: list[str] = []
    shown = picture(record.directory, name, PICTURE_BYTES, problems)
    for problem in problems:
        _note(record, problem)
    if shown is None:
        return Markup()
    title = _text(group.get("title")) or "Directions"
    return tag(
        "figure", tag("h3", title), _image(shown, title), tag("figcaption", _caption(group)), class_="card strips"
    )


def _image(shown: Picture, words: str) -> Markup:
    return empty_tag("img", src=shown.uri, width=str(shown.width), height=str(shown.height), alt=words)


def _caption(group: dict[str, Any]) -> str:
    value, full = _text(group.get("value")), group.get("full_colour")
    told = f" Before each row: its {value}." if value else ""
    strength = f" Full colour: {number(full)} a step, of pixels that go from -1 to 1." if is_finite(full) else ""
    return f"{_text(group.get('words'))}{told}{strength}"


def _numbers(content: dict[str, Any]) -> Markup:
    """Singular values, condition numbers and path length as a table."""
    rows = [*_spectra(content), *_conditions(content), *_path_length(content), *_left_out(content)]
    cells = [tag("tr", tag("th", name, scope="row"), tag("td", words)) for name, words in rows]
    return (
        tag("div", tag("table", tag("tbody", *cells), class_="facts-table"), class_="card numbers")
        if cells
        else Markup()
    )


def _spectra(content: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, title in (("local-most", "Jacobian at one latent"), ("averaged-most", "Jacobian on average")):
        group = next((g for g in content["groups"] if isinstance(g, dict) and g.get("name") == name), {})
        values = group.get("singular_values")
        if isinstance(values, list) and values and all(map(is_finite, values)):
            condition = group.get("condition_number")
            ratio = f"condition number {number(condition)}" if is_finite(condition) else "no full rank"
            rows.append((title, f"singular values from {number(values[0])} to {number(values[-1])}; {ratio}"))
    return rows


def _conditions(content: dict[str, Any]) -> list[tuple[str, str]]:
    values = content.get("condition_numbers")
    found = sorted(value for value in values if is_finite(value)) if isinstance(values, list) else []
    if not found:
        return []
    words = f"{number(found[0])} to {number(found[-1])} at {plural(len(found), 'latent')}: the wider, the less can an "
    return [("Condition numbers", words + "image be traced back to its latent")]


def _path_length(content: dict[str, Any]) -> list[tuple[str, str]]:
    length = content.get("path_length")
    if not isinstance(length, dict) or not is_finite(length.get("mean")):
        return []
    error = length.get("standard_error")
    spread = f" ± {number(error)}" if is_finite(error) else ""
    ways = f"{_text(length.get('distance'))} distance, {_text(length.get('interpolation'))}".replace("_", " ")
    return [
        ("Path length", f"{number(length['mean'])}{spread} ({ways}): comparable only with the same distance and size")
    ]


def _left_out(content: dict[str, Any]) -> list[tuple[str, str]]:
    left = content.get("left_out")
    return [(f"No {_text(name)}", _text(reason)) for name, reason in left.items()] if isinstance(left, dict) else []


def _text(value: Any) -> str:
    return value[:MOST_LETTERS] if isinstance(value, str) else ""
