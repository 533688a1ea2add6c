"""The section "Pairs": candidates, nearness, holes, pictures and what is missing, whatever the state of the files."""

import html
import re
from typing import Any

import pytest
from PIL import Image

from nablagan.evaluation.pairs import BETTER
from nablagan.report.pair_tables import READINGS, best_of
from nablagan.report.pairs import pairs
from nablagan.report.record import read_run
from sections import section_of

PICTURE = "images-000064000-heldout.png"


def entry(value: Any, better: str = "less", reach: float = 0.05) -> dict[str, Any]:
    return {"value": value, "low": value - reach, "high": value + reach, "better": better}


def figures(l1: float, ssim: float, kernel: float, perceptual: float) -> dict[str, Any]:
    found = {"l1": entry(l1), "ssim": entry(ssim, "more"), "kernel_distance": entry(kernel)}
    return found | {"perceptual_distance": entry(perceptual)}


FIGURES = {"model": figures(0.2, 0.8, 0.1, 0.3), "identity": figures(0.1, 0.7, 0.5, 0.4)}
CONTENT: dict[str, Any] = {
    "kind": "nablagan pair evaluation",
    "count": 175,
    "masked": True,
    "first": "model",
    "protocol": {"extractor": {"name": "lite"}, "stages": {"name": "lite_stages"}},
    "figures": FIGURES,
    "differences": {
        "identity": {
            "l1": {"value": 0.1, "low": 0.05, "high": 0.15},
            "ssim": {"value": 0.1, "low": 0.05, "high": 0.15},
            "perceptual_distance": {"value": 0.0, "low": -0.1, "high": 0.1},
        }
    },
    "groups": {"thin": {"count": 60, "figures": FIGURES}, "thick": {"count": 61, "figures": FIGURES}},
    "baselines_missing": {"telea": "needs OpenCV: pip install <it>"},
    "nearness": {"l1": {"than_input": {"value": 0.83, "low": 0.7812, "high": 0.87}, "pairs": 175}},
    "generated": {"name": "run", "images_seen": 64_000},
    "against": {"name": "<heldout>", "role": "held out"},
    "seed": 3,
    "picture": PICTURE,
    "columns": ["given", "model", "nearest_source", "truth"],
}


def section(run: Any, *contents: Any) -> tuple[str, list[str]]:
    """The section and the problems noted; the files' names are numbered."""
    return section_of(pairs, run, "pairs", PICTURE, contents)


def words_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " ")


def test_a_run_without_pairs_has_no_section_and_no_problem(started_run: Any) -> None:
    record = read_run(started_run.directory)
    assert (pairs(record), record.problems) == ("", [])


def test_figures_marks_and_conditions(started_run: Any) -> None:
    page, problems = section(started_run, CONTENT)
    assert problems == []
    for words in (
        "After 64\u202f000 images, on &lt;heldout&gt; (held out)",
        "175 pairs, seed 3",
        "L1, PSNR and SSIM over the missing pixels",
        "Kernel distance: lite. Perceptual distance: lite_stages.",
        "<b>★ 0.8</b><small>0.75 to 0.85</small>",
        "less is better",
        "alone it rewards blur",
    ):
        assert words in page, words
    assert page.index("Model</th>") < page.index("Identity</th>")


def test_the_best_of_each_figure_goes_by_its_own_way() -> None:
    assert best_of(FIGURES, "l1") == ["identity"]
    assert best_of(FIGURES, "ssim") == ["model"]
    assert best_of({"a": {"l1": {"value": 1.0, "better": ""}}, "b": {"l1": entry(2.0)}}, "l1") == []
    assert best_of({"a": {"l1": entry(1.0)}, "b": {"l1": entry(1.0)}, "c": {"l1": entry(3.0)}}, "l1") == ["a", "b"]


def test_what_is_sure_is_told_with_its_way(started_run: Any) -> None:
    words = words_of(section(started_run, CONTENT)[0])
    told = "surely better in SSIM; surely worse in L1; not surely different in perceptual distance."
    assert " ".join(f"Model beside Identity: {told}".split()) in " ".join(words.split())


def test_nearness_holes_and_what_is_missing(started_run: Any) -> None:
    words = " ".join(words_of(section(started_run, CONTENT)[0]).split())
    assert "Nearer to its counterpart by L1: than the input in 83.0 % [78.1, 87.0]." in words
    assert "Left out, Telea: needs OpenCV: pip install <it>" in words
    assert "Holes: thin, 60 images" in words
    assert "Holes: thick, 61 images" in words


def test_charts_are_of_what_two_candidates_and_two_kinds_have(started_run: Any) -> None:
    page, _ = section(started_run, CONTENT)
    assert page.count("<svg") == 2
    page, _ = section(started_run, CONTENT | {"groups": {}})
    assert page.count("<svg") == 1
    page, _ = section(started_run, CONTENT | {"groups": {}, "figures": {"model": FIGURES["model"]}})
    assert page.count("<svg") == 0


def test_the_picture_has_a_name_above_each_column(started_run: Any) -> None:
    page, _ = section(started_run, CONTENT)
    heads = re.findall(r"<span>([^<]+)</span>", page[page.index('class="heads"') : page.index("<img")])
    assert heads == ["Given", "Model", "Nearest source", "Truth"]
    page, _ = section(started_run, CONTENT | {"columns": None})
    assert "<img" in page
    assert 'class="heads"' not in page


def test_the_newest_is_shown_whole_and_others_in_a_line(started_run: Any) -> None:
    earlier = CONTENT | {"generated": {"images_seen": 640}}
    page, _ = section(started_run, CONTENT, earlier)
    assert page.count("<table") == 3
    assert "After 640 images, on &lt;heldout&gt; (held out): L1 0.2, SSIM 0.8" in page


def test_every_figure_of_an_evaluation_has_a_reading() -> None:
    assert set(READINGS) == set(BETTER)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "\x00", "{}", '{"figures": 3}', "[" * 100_000])
def test_damaged_records_are_noted_and_the_page_drawn(small_run: Any, text: str) -> None:
    page, problems = section(small_run, text)
    assert page == ""
    assert len(problems) == 1
    assert "pairs/0.json" in problems[0]


ODD = [None, 3, "text", [], {}, [[1]], True, 10**400, float("nan"), float("inf"), -1e300, "\ud800"]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_odd_records_are_shown_as_far_as_they_go(started_run: Any, value: Any) -> None:
    undrawn = CONTENT | {"groups": {}, "figures": {"model": FIGURES["model"]}}  # no charts: they take their time
    for key in CONTENT:
        section(started_run, undrawn | {key: value})


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_odd_entries_are_shown_as_far_as_they_go(started_run: Any, value: Any) -> None:
    odd = {name: entry(1.0) | {name: value} for name in ("value", "low", "high", "better")}
    whole = {"model": odd | {"l1": value}, "odd": value, "identity": {"kernel_distance": value, "l1": odd["value"]}}
    differences = {"identity": {"l1": {"low": value, "high": 1.0}, "ssim": value}, "odd": value}
    nearness = {"l1": {"than_input": {"value": value}, "than_both": value}, "odd": value}
    groups = {"thin": {"count": value, "figures": whole}, "thick": {"figures": FIGURES}, "odd": value}
    changes = {"figures": whole, "differences": differences, "nearness": nearness, "groups": groups}
    section(started_run, CONTENT | changes | {"columns": [value] * 4, "baselines_missing": {"telea": value}})


def test_endless_records_are_cut(started_run: Any) -> None:
    many = {f"candidate {number} " + "x" * 1000: FIGURES["model"] for number in range(500)}
    page, _ = section(
        started_run, CONTENT | {"figures": many, "groups": {str(n): {"figures": many} for n in range(50)}}
    )
    assert len(page) < 400_000


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "missing.png", "0.json", "\x00", "a" * 5000])
def test_pictures_come_from_the_directory_only(started_run: Any, name: str) -> None:
    Image.new("L", (4, 4)).save(started_run.directory.parent.parent / "secret.png")
    page, problems = section(started_run, CONTENT | {"picture": name})
    assert "<img" not in page
    assert len(problems) == 1
    assert len(problems[0]) < 500


def test_the_page_holds_the_section(small_run: Any, page_of: Any) -> None:
    section(small_run, CONTENT)
    page = page_of(small_run)
    assert 'id="pairs"' in page
    assert 'href="#pairs"' in page
