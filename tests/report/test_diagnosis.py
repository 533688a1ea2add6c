"""The section on what `nablagan diagnose` found."""

import json
from typing import Any

import pytest

from nablagan.report import read_run
from nablagan.report.diagnosis import diagnosis
from nablagan.report.page import page

AUDIT = {"own": -0.1, "other": 0.2, "own_realised": -0.08, "other_realised": 0.15, "realised": 0.05}
GROUP: dict[str, Any] = {
    "samples": 64,
    "step": {"values": [[-3.0, 0.0], [0.9, 0.4], [0.9, -0.4]], "complete": False},
    "audit": {"generator": AUDIT, "discriminator": AUDIT},
}
CONTENT: dict[str, Any] = {
    "images_seen": 640,
    "verdict": {
        "kind": "rotating",
        "title": "Rotating outwards: the players <chase> each other.",
        "because": ["A reason & another."],
        "sure": "high",
        "advice": "play in turns",
    },
    "command": "nablagan train --update alternating",
    "move": {"linearised": "simultaneous"},
    "groups": [GROUP | {"jacobian": {"values": [[1.0, 5.0], [1.0, -5.0]], "complete": True}}, GROUP],
    "path": {"from_images": 320, "positions": [0.0, 0.5, 1.0], "angles": [-1.0, 0.0, 1.0], "norms": [1.0, 0.5, 0.1]},
}


def keep(run: Any, name: str, text: str) -> None:
    (run.directory / "diagnosis").mkdir(exist_ok=True)
    (run.directory / "diagnosis" / name).write_text(text)


def test_the_newest_in_full_the_others_in_a_line(small_run: Any) -> None:
    keep(small_run, "images-000000640.json", json.dumps(CONTENT))
    older = CONTENT | {"images_seen": 320, "verdict": {"title": "Stalled there."}}
    keep(small_run, "images-000000320.json", json.dumps(older))
    text = page(read_run(small_run.directory))
    section = text[text.index('id="diagnosis"') : text.index('id="curves"')]
    assert "the players &lt;chase&gt; each other" in section
    assert "A reason &amp; another." in section
    assert "nablagan train --update alternating" in section
    assert section.count('<svg class="plot"') == 4
    assert "both players at once" in section
    assert section.count("Partial: not all eigenvalues") == 1
    assert "Path from 320 images" in section
    assert "two groups of 64 samples" in section
    assert section.count("Stalled there.") == 1
    assert "#0a0" not in section
    assert 'href="#diagnosis"' in text


def test_without_a_diagnosis_there_is_no_section(small_run: Any) -> None:
    assert 'id="diagnosis"' not in page(read_run(small_run.directory))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"images_seen": 1}',
        '{"images_seen": NaN, "verdict": {"title": "x"}}',
        "[" * 100_000,
    ],
    ids=["empty", "torn", "a list", "null", "nothing", "no verdict", "no moment", "deep"],
)
def test_what_is_no_diagnosis_is_a_note(small_run: Any, text: str) -> None:
    keep(small_run, "images-000000640.json", text)
    record = read_run(small_run.directory)
    assert diagnosis(record) == ""
    assert [problem for problem in record.problems if "diagnosis/images-000000640.json" in problem]


@pytest.mark.parametrize("key", ["groups", "path", "move", "command"])
def test_parts_that_are_foreign_are_left_out(small_run: Any, key: str) -> None:
    only = {name: value for name, value in CONTENT.items() if name in ("images_seen", "verdict")}
    for broken in (None, 1, "x", [], {}, [None], [[1]], [[1, "x"]], [["x", {}]], {"values": 3}, 1e999):
        keep(small_run, "images-000000640.json", json.dumps(only | {key: broken}))
        assert "each other" in diagnosis(read_run(small_run.directory))


def test_a_foreign_verdict_is_shown_as_far_as_it_goes(small_run: Any) -> None:
    for key in ("kind", "because", "sure", "advice"):
        for broken in (None, 1, [], {}, [{}]):
            verdict = CONTENT["verdict"] | {key: broken}
            keep(small_run, "images-000000640.json", json.dumps({"images_seen": 1, "verdict": verdict}))
            assert "each other" in diagnosis(read_run(small_run.directory))
