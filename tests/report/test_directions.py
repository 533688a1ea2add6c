"""The section "Directions": what `nablagan explain` left in the run directory, whatever its state."""

import json
import math
from typing import Any

import pytest
from PIL import Image

from nablagan.report.directions import directions
from nablagan.report.record import read_run

GROUP = {
    "name": "local-most",
    "title": "Most <sensitive>",
    "words": "Right singular vectors.",
    "file": "local-most.png",
    "value": "singular value",
    "values": [15.0],
    "full_colour": 0.5,
    "singular_values": [15.0, 3.0],
    "condition_number": 5.0,
}
CONTENT = {
    "images_seen": 64_000,
    "amounts": [-3.0, 0.0, 3.0],
    "groups": [GROUP],
    "left_out": {"sefa": "not linear"},
    "condition_numbers": [400.0, None, 5.0],
    "path_length": {"mean": 2000.0, "standard_error": 10.0, "distance": "squared_euclidean", "interpolation": "line"},
}


def section(run: Any, content: Any, picture: bool = True) -> tuple[str, list[str]]:
    """The section and the problems noted."""
    (run.directory / "explanation").mkdir(exist_ok=True)
    if picture:
        Image.new("L", (40, 20)).save(run.directory / "explanation/local-most.png")
    text = content if isinstance(content, str) else json.dumps(content)
    (run.directory / "explanation/explain.json").write_text(text)
    record = read_run(run.directory)
    return directions(record), [problem for problem in record.problems if "explanation" in problem]


def test_a_run_that_was_not_explained_has_no_section_and_no_problem(started_run: Any) -> None:
    record = read_run(started_run.directory)
    assert (directions(record), record.problems) == ("", [])


def test_pictures_words_and_numbers(started_run: Any) -> None:
    page, problems = section(started_run, CONTENT)
    assert problems == []
    for words in (
        "Most &lt;sensitive&gt;",
        'src="data:image/png;base64,',
        "Before each row: its singular value.",
        "Full colour: 0.5 a step",
        "by -3 to 3 standard deviations",
        "singular values from 15 to 3; condition number 5",
        "5 to 400 at 2 latents",
        "2000 ± 10 (squared euclidean distance, line)",
        "No sefa",
        "64\u202f000 images",
    ):
        assert words in page


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "\x00"])
def test_damaged_json_is_noted_and_the_page_drawn(small_run: Any, page_of: Any, text: str) -> None:
    page, problems = section(small_run, text)
    assert page == ""
    assert len(problems) == 1
    assert "explanation/explain.json" in problems[0]
    whole = page_of(small_run)
    assert "explanation/explain.json" in whole
    assert 'id="directions"' not in whole


@pytest.mark.parametrize(
    "change",
    [
        {"groups": None},
        {"groups": [None, 3, {}, GROUP | {"file": "../../secret.png"}, GROUP | {"file": None}]},
        {"groups": [GROUP | {"title": None, "words": 3, "value": [], "full_colour": "x", "singular_values": [None]}]},
        {"groups": [GROUP | {"singular_values": {"a": 1}, "condition_number": None}]},
        {"amounts": "wide"},
        {"amounts": [None]},
        {"condition_numbers": 3},
        {"path_length": [1]},
        {"path_length": {"mean": math.nan}},
        {"path_length": {"mean": 1.0, "distance": 3}},
        {"left_out": [1]},
        {"left_out": {"sefa": 3}},
        {"images_seen": "many"},
    ],
)
def test_any_json_is_drawn(small_run: Any, page_of: Any, change: dict[str, Any]) -> None:
    section(small_run, CONTENT | change)
    assert page_of(small_run).startswith("<!doctype html>")


def test_a_picture_that_is_gone_or_broken_is_noted(started_run: Any) -> None:
    _, problems = section(started_run, CONTENT, picture=False)
    assert problems == ["explanation/local-most.png is missing."]
    (started_run.directory / "explanation/local-most.png").write_bytes(b"no picture")
    page, problems = section(started_run, CONTENT, picture=False)
    assert page == ""
    assert "it is no picture" in problems[0]


def test_the_page_offers_the_command_for_images_only(started_run: Any, page_of: Any) -> None:
    assert "nablagan explain " in page_of(started_run)
    for shape in ([2], None, 3):
        started_run.json("data.json", {"shape": shape})
        assert "nablagan explain " not in page_of(started_run)
