"""Seconds by stage, and the list of what went wrong."""

import re
from typing import Any

from nablagan.report.ledger import MOST_NOTES, count_of_notes, notes, where_the_time_went
from nablagan.report.record import read_run


def widths(section: str) -> list[float]:
    return [float(width) for width in re.findall(r"width:([\d.]+)%", section)]


def test_bars_are_parts_of_the_whole_and_the_rest_is_shown(started_run: Any) -> None:
    started_run.tick(1000, stages={"data": 1.0, "update": 6.0, "new_stage": 2.0})  # 10 s elapsed: 1 s is nobody's
    section = where_the_time_went(read_run(started_run.directory))
    assert re.findall(r'scope="row">([^<]+)', section) == ["Update", "New stage", "Data", "Rest"]
    assert widths(section) == [60, 20, 10, 10]
    assert "10 s of training in all: 640 ms a step of 64 images." in section


def test_without_stages_there_is_no_section(started_run: Any) -> None:
    started_run.tick(1000, stages=None)
    started_run.tick(2000, stages={"data": -1.0, "update": None})
    assert where_the_time_went(read_run(started_run.directory)) == ""


def test_equal_warnings_are_one_line_and_many_are_cut(started_run: Any) -> None:
    for number in range(1000):
        started_run.event("warning", number, message="the disk is slow")
    record = read_run(started_run.directory)
    assert notes(record).count("<li>") == 1
    assert "1\u202f000 times" in notes(record)
    assert count_of_notes(record) == 1000
    for number in range(100):
        started_run.event("warning", number, message=f"file {number}")
    section = notes(read_run(started_run.directory))
    assert section.count("<li>") == MOST_NOTES + 1
    assert "41 earlier lines left out" in section


def test_rollbacks_say_from_where_to_where_and_why(started_run: Any) -> None:
    started_run.event("rollback", 6400, failed_at=7040, to=6400, reason="generator_loss is nan")
    section = notes(read_run(started_run.directory))
    assert "At 7\u202f040 images: generator_loss is nan; back to 6\u202f400 images" in section


def test_a_calm_run_says_so_and_a_problem_ends_the_calm(started_run: Any) -> None:
    assert "No warning, no rollback" in notes(read_run(started_run.directory))
    (started_run.directory / "data.json").unlink()
    section = notes(read_run(started_run.directory))
    assert "No warning" not in section
    assert "data.json is missing." in section
