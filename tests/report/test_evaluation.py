"""The section "Evaluation": records, their pictures and the course while training, whatever their state."""

from typing import Any

import pytest
from PIL import Image

from nablagan.report.evaluation import READINGS, evaluation
from nablagan.report.record import read_run
from sections import section_of

NAME = "evaluations/images-000064000-lite-heldout.json"
ENTRY = {"value": 0.25, "low": 0.2, "high": 0.3, "count_generated": 1000, "count_real": 1000, "better": "less"}
CONTENT: dict[str, Any] = {
    "kind": "nablagan evaluation",
    "generated": {"name": "run", "images_seen": 64_000},
    "against": {"name": "<heldout>", "role": "held-out data"},
    "count": 1000,
    "seed": 3,
    "extractor": {"name": "lite", "side": 64, "resize": "bicubic"},
    "metrics": {"kernel_distance": ENTRY, "coverage": ENTRY | {"value": 0.5, "better": "more"}},
    "memorisation": {"p_value": 0.4, "share_copied": 0.0},
    "picture": "images-000064000-lite-heldout.png",
    "time": {"unix": 1.75e9, "seconds": 3.0},
}


def section(run: Any, *contents: Any) -> tuple[str, list[str]]:
    """The section and the problems noted; the files' names are numbered."""
    return section_of(evaluation, run, "evaluations", "images-000064000-lite-heldout.png", contents)


def evaluated(run: Any, *values: Any, best: int = 1, **changes: Any) -> None:
    """Evaluation events, one every 640 images."""
    for place, value in enumerate(values):
        content = {
            "measures": {"kernel_distance": value},
            "intervals": {"kernel_distance": [0.1, 0.9]},
            "protocol": {"count": 500, "extractor": {"name": "lite"}, "against": {"name": "digits"}},
            "by": "kernel_distance",
            "best": place == best,
            "time": {"seconds": 1.0},
        }
        run.event("evaluation", 640 * (place + 1), **(content | changes))


def test_a_run_that_was_not_evaluated_has_no_section_and_no_problem(started_run: Any) -> None:
    record = read_run(started_run.directory)
    assert (evaluation(record), record.problems) == ("", [])


def test_figures_conditions_and_neighbours(started_run: Any) -> None:
    page, problems = section(started_run, CONTENT)
    assert problems == []
    for words in (
        "After 64\u202f000 images, against &lt;heldout&gt; (held-out data)",
        "1\u202f000 generated and as many real samples, seen by lite (resize bicubic; side 64), seed 3",
        "0.2 to 0.3",
        "less is better",
        "more is better",
        READINGS["coverage"],
        "no sign of copies (p = 0.4)",
        'src="data:image/png;base64,',
    ):
        assert words in page


def test_the_newest_is_shown_whole_and_others_in_a_line(started_run: Any) -> None:
    earlier = CONTENT | {"generated": {"images_seen": 640}, "memorisation": {"not_done": "no held-out data"}}
    page, _ = section(started_run, CONTENT, earlier)
    assert page.count("<table") == 1
    assert "After 640 images, against &lt;heldout&gt; (held-out data), lite: kernel distance 0.25 (0.2 to 0.3)" in page
    page, _ = section(started_run, "{}", earlier)
    assert "Memorisation was not tested: no held-out data." in page


def test_the_course_marks_the_best_and_tells_the_cost(started_run: Any) -> None:
    evaluated(started_run, 0.5, 0.3, None, 0.4)
    started_run.event("skipped_evaluation", 3200, time={"share": 0.2})
    started_run.tick(4000)
    page, problems = section(started_run)
    assert problems == []
    for words in (
        "Kernel distance while training",
        "best checkpoint",
        "500 samples a side, lite features, against digits",
        "The diamond is the checkpoint that is kept as best, 0.3.",
        "Evaluation took 10.0 % of the time.",
        "1 evaluation skipped",
    ):
        assert words in page


def test_without_a_finite_value_there_is_no_curve(started_run: Any) -> None:
    evaluated(started_run, None, float("nan"))
    page, _ = section(started_run)
    assert "no finite value" in page
    assert "<svg" not in page


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "\x00", "{}", '{"metrics": 3}', "[" * 100_000])
def test_damaged_records_are_noted_and_the_page_drawn(small_run: Any, text: str) -> None:
    page, problems = section(small_run, text)
    assert page == ""
    assert len(problems) == 1
    assert "evaluations/0.json" in problems[0]


@pytest.mark.parametrize("value", [None, 3, "text", [], {}, [[1]], True, 10**400, float("nan"), float("inf"), "\ud800"])
@pytest.mark.parametrize("key", list(CONTENT))
def test_odd_records_are_shown_as_far_as_they_go(started_run: Any, key: str, value: Any) -> None:
    section(started_run, CONTENT | {key: value})


@pytest.mark.parametrize("value", [None, 3, "text", [], {}, [[1]], True, 10**400, float("inf"), "\ud800"])
def test_odd_entries_and_events_are_shown_as_far_as_they_go(started_run: Any, value: Any) -> None:
    entries = {name: ENTRY | {name: value} for name in ENTRY}
    section(started_run, CONTENT | {"metrics": entries | {"odd": value}})
    for key in ("measures", "intervals", "protocol", "by", "best", "time"):
        evaluated(started_run, 0.5, 0.3, **{key: value})
    evaluated(started_run, 0.2, intervals={"kernel_distance": value}, protocol={"extractor": value, "against": value})
    section(started_run)


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "missing.png", "0.json", "\x00", "a" * 5000])
def test_pictures_come_from_the_directory_only(started_run: Any, name: str) -> None:
    Image.new("L", (4, 4)).save(started_run.directory.parent.parent / "secret.png")
    page, problems = section(started_run, CONTENT | {"picture": name})
    assert "<img" not in page
    assert len(problems) == 1
    assert len(problems[0]) < 500


def test_the_page_holds_the_section(small_run: Any, page_of: Any) -> None:
    section(small_run, CONTENT)
    evaluated(small_run, 0.5, 0.3)
    page = page_of(small_run)
    assert 'id="evaluation"' in page
    assert 'href="#evaluation"' in page
