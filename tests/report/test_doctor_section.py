"""The doctor's section: what stands, what has passed, and findings that something has damaged."""

import html
import re
from typing import Any

import pytest

from nablagan.report.doctor import doctors_findings, sorted_findings
from nablagan.report.page import write_report
from nablagan.report.record import read_run

FINDING = {
    "disease": "rotation",
    "status": "raised",
    "title": "the players chase each other",
    "confidence": 0.7,
    "evidence": [{"measure": "overlap", "value": 0.41, "threshold": 0.5, "words": "below a coin flip"}],
    "advice": {"words": "add the gradient penalties", "options": ["--gamma", "1"]},
}
ODD = (None, True, -1, 2.5, "x", [], [1], {}, {"a": 1}, [["x"]], float("nan"), 10**400)


def section(run: Any) -> str:
    return str(doctors_findings(read_run(run.directory)))


def test_a_run_without_probes_has_no_doctor(small_run: Any) -> None:
    assert section(small_run) == ""
    page = write_report(small_run.directory).read_text()
    assert 'id="doctor"' not in page
    assert 'id="vitals"' not in page


def test_a_healthy_run_is_said_to_be_so(small_run: Any) -> None:
    for seen in (640, 1280):
        small_run.event("probe", seen, measures={"overlap": 0.7}, time={"seconds": 0.1})
    assert "looked at the game 2 times" in section(small_run)
    assert "Nothing wrong was found" in section(small_run)


def test_a_standing_finding_has_its_evidence_and_the_command_that_changes_one_thing(small_run: Any) -> None:
    small_run.event("probe", 640, measures={"overlap": 0.41}, time={"seconds": 0.1})
    small_run.event("finding", 640, **FINDING)
    text = section(small_run)
    for words in ("The players chase each other", "likely", "Below a coin flip", "overlap 0.41, threshold 0.5"):
        assert words in text
    assert "nablagan train --images 64000 --gamma 1" in html.unescape(text)
    assert "Nothing wrong" not in text


def test_a_cleared_finding_has_passed_and_the_surest_stands_first(small_run: Any) -> None:
    other = FINDING | {"disease": "exploding", "title": "a gradient explodes", "confidence": 0.95}
    for seen, finding in ((640, FINDING), (700, other), (800, FINDING | {"disease": "cold"})):
        small_run.event("finding", seen, **finding)
    small_run.event("finding", 1280, **FINDING | {"disease": "cold", "status": "cleared"})
    standing, passed = sorted_findings(read_run(small_run.directory).of_kind("finding"))
    assert [event["disease"] for event in standing] == ["exploding", "rotation"]
    assert [event["disease"] for event in passed] == ["cold"]
    text = section(small_run)
    assert re.search(r"passed.*until 1.280 images", text)


def test_what_a_finding_says_is_text_and_no_markup(small_run: Any) -> None:
    evil = "<script>alert(1)</script>"
    evidence = [{"measure": evil, "value": evil, "threshold": evil, "words": evil}]
    advice = {"words": evil, "options": [evil]}
    small_run.event("finding", 640, **FINDING | {"title": evil, "evidence": evidence, "advice": advice})
    assert "<script" not in section(small_run)


@pytest.mark.parametrize("key", FINDING)
def test_damaged_findings_leave_a_page(small_run: Any, key: str) -> None:
    for odd in ODD:
        small_run.event("finding", 640, **FINDING | {key: odd, "disease": f"d{ODD.index(odd)}"} | {key: odd})
    small_run.event("finding", 640, **{name: value for name, value in FINDING.items() if name != key})
    small_run.event("finding", 640)
    small_run.event("finding", 640, **FINDING)
    assert "What to change" in section(small_run)


@pytest.mark.parametrize("inside", [("evidence", "value"), ("evidence", "words"), ("advice", "options")])
def test_damage_further_in_leaves_a_page(small_run: Any, inside: tuple[str, str]) -> None:
    outer, inner = inside
    for odd in ODD:
        content = FINDING[outer]
        changed = [content[0] | {inner: odd}] if isinstance(content, list) else content | {inner: odd}
        small_run.event("finding", 640, **FINDING | {outer: changed})
        assert section(small_run)


def test_damaged_probes_leave_a_page(small_run: Any) -> None:
    for odd in ODD:
        small_run.event("probe", 640, measures=odd, time=odd)
        small_run.event("probe", 640, measures={"overlap": odd, "diversity": odd}, time={"seconds": odd})
    assert "Doctor" in write_report(small_run.directory).read_text()
