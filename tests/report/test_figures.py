"""The curves: which measures share a figure, what stands beside them, and how they are drawn."""

import inspect
import math
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

from nablagan import losses
from nablagan.report.chart import Line, line_chart
from nablagan.report.figures import curves_sections
from nablagan.report.readings import (
    NO_ADVERSARY,
    OTHER,
    OTHER_LOSS,
    OTHER_PENALTIES,
    OTHER_TERMS,
    PENALTIES,
    losses_reading,
    measure_reading,
    penalties_reading,
)
from nablagan.report.record import read_run
from nablagan.report.series import Series
from nablagan.types import PlayerLosses


def titles(section: str) -> list[str]:
    return re.findall(r"<h3>([^<]+)<", section)


def test_known_measures_share_figures_and_new_ones_get_their_own(whole_run: Any) -> None:
    curves, others = curves_sections(read_run(whole_run.directory))
    assert titles(curves) == ["Losses", "Logits", "Gradient norms", "Penalties", "Penalty weights", "Images per second"]
    assert titles(others) == ["Winning share"]  # constant learning rates are in the settings, not in a flat curve


def test_marks_of_events_are_drawn_and_explained(whole_run: Any) -> None:
    curves, _ = curves_sections(read_run(whole_run.directory))
    for kind in ("warning", "rollback", "resume"):
        assert f"stroke: var(--mark-{kind})" in curves
        assert f"border-color:var(--mark-{kind})" in curves


def test_gaps_and_measures_without_a_value_are_told(started_run: Any) -> None:
    for number in range(1, 6):
        started_run.tick(64 * number, generator_loss=math.nan if number == 3 else 1.0, never=None)
    curves, others = curves_sections(read_run(started_run.directory))
    assert "1 value not finite: a gap in the line." in curves
    assert "Not drawn: never." in others


def test_every_loss_has_a_reading() -> None:
    names = [
        name
        for name, loss in inspect.getmembers(losses, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(loss).return_annotation is PlayerLosses
    ]
    assert len(names) >= 14
    for name in names:
        assert not losses_reading(name, False).sentence.startswith(OTHER_LOSS.sentence), name
    assert losses_reading("something_new", False).sentence.startswith(OTHER_LOSS.sentence)


def test_only_the_zero_centred_penalties_are_read_as_such() -> None:
    assert penalties_reading({"r1", "r2"}) == PENALTIES
    assert penalties_reading({"r1", "transport"}) == OTHER_PENALTIES


def series(values: Any) -> Series:
    values = np.asarray(values, float)
    return Series("loss", 64.0 * np.arange(len(values)), values)


def test_a_chart_is_well_formed_and_coloured_by_the_style_sheet() -> None:
    lines = [Line(series(np.sin(np.arange(200))), "a", 1), Line(series(np.cos(np.arange(200))), "b", 2)]
    chart = line_chart("c1", lines, {"rollback": [640.0]}, references=(0.5,), description='"<&')
    root = ElementTree.fromstring(chart.svg)
    assert root.attrib["aria-label"] == '"<&'
    assert "<style" not in chart.svg
    assert not re.search(r"#0a0[bc]", chart.svg)
    assert {"var(--line-1)", "var(--line-2)", "var(--mark-rollback)"} <= set(re.findall(r"var\(--[\w-]+\)", chart.svg))
    identities = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert all(identity.startswith("c1-") for identity in identities)


def test_a_few_extreme_values_are_left_outside_and_counted() -> None:
    values = np.sin(np.arange(1000.0))
    values[500] = 1e6
    assert line_chart("c", [Line(series(values), "a", 1)], {}).outside == 1
    assert line_chart("c", [Line(series(np.sin(np.arange(1000.0))), "a", 1)], {}).outside == 0


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "values", [[1.0], [0.0, 0.0], [-1.0, -2.0], [math.nan, 1.0, math.nan], [1e-30, 1e30], [5.0] * 50, [1e199, -1e199]]
)
def test_a_chart_comes_of_any_finite_values(values: list[float], log: bool) -> None:
    ElementTree.fromstring(line_chart("c", [Line(series(values), "a", 1)], {}, log=log).svg)


def test_a_line_that_covers_another_is_dashed() -> None:
    equal, other = series(np.arange(5.0)), series(np.arange(5.0) + 1)
    covered = line_chart("c", [Line(equal, "a", 1), Line(equal, "b", 2)], {}).svg
    apart = line_chart("c", [Line(equal, "a", 1), Line(other, "b", 2)], {}).svg
    assert "stroke-dasharray" in covered
    assert "stroke-dasharray" not in apart


def test_the_separation_has_words_and_a_strange_measure_has_none():
    assert "log 2" in measure_reading("separation")
    assert measure_reading("something_new") == OTHER


def test_what_generators_of_images_want_has_figures_beside_the_losses(started_run: Any) -> None:
    for seen in (64, 128):
        started_run.tick(seen, generator_loss=5.0, reconstruction=0.1, feature_matching=0.5, closeness=2.0)
    curves, others = curves_sections(read_run(started_run.directory))
    assert titles(curves)[:4] == ["Losses", "Difference to the truth", "Features", "Closeness of two outputs"]
    assert (OTHER_TERMS.strip() in curves.replace("&#x27;", "'"), others) == (True, "")


def test_completion_shows_hole_and_known_pixels_in_one_figure(started_run: Any) -> None:
    started_run.tick(64, hole=0.2, known=0.1, perceptual=1.0)
    curves, others = curves_sections(read_run(started_run.directory))
    assert (titles(curves)[:2], others) == (["Hole and known pixels", "Features"], "")


def test_both_ways_have_their_own_logits_and_penalties(started_run: Any) -> None:
    names = ("real_logits", "fake_logits", "penalty_r1", "separation")
    both = {f"{way}{name}": 0.5 for way in ("", "back_") for name in names}
    started_run.tick(64, generator_loss=5.0, cycle=0.3, identity=0.2, **both)
    curves, others = curves_sections(read_run(started_run.directory))
    wanted = ["Losses", "Logits", "There and back", "Logits of the way back", "Penalties", "Penalties of the way back"]
    assert [title for title in titles(curves) if title in wanted] == wanted
    assert "the sum over both ways" in curves
    assert titles(others) == ["Separation", "Back separation"]
    assert OTHER not in others


def test_a_run_without_an_adversary_is_read_as_one(started_run: Any) -> None:
    started_run.json("config.json", {"task": {"options": {"adversarial": 0.0}}})
    started_run.tick(64, generator_loss=0.1, reconstruction=0.1)
    curves, _ = curves_sections(read_run(started_run.directory))
    assert NO_ADVERSARY in curves.replace("&#x27;", "'")


def test_every_measure_of_the_tasks_that_start_from_images_has_words() -> None:
    from nablagan.report.figures import TERMS
    from nablagan.report.readings import TERMS as READINGS

    named = {name for _, names in TERMS.values() for name in names}
    told = "reconstruction feature_matching closeness cycle identity contrast hole known perceptual"
    assert named == set(told.split())
    assert {reading for reading, _ in TERMS.values()} == set(READINGS)
