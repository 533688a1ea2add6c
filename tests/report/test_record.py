"""Reading a run directory: its status, and events whatever their state."""

import fcntl
import json
import os
from typing import Any

import pytest

from nablagan.report.record import read_run


def status(run: Any) -> str:
    return read_run(run.directory).status


def test_status_follows_the_marks_then_the_last_end(started_run: Any) -> None:
    run = started_run
    assert status(run) == "interrupted"
    run.event("end", 640, status="stopped", reason="signal")
    assert (status(run), read_run(run.directory).reason) == ("stopped", "signal")
    run.event("resume", 640)
    assert status(run) == "interrupted"
    run.event("end", 1280, status="failed", reason="diverged")
    assert status(run) == "failed"
    run.json("DONE", {"reason": ""})
    assert status(run) == "done"


def test_status_is_running_while_the_lock_is_held(started_run: Any) -> None:
    with (started_run.directory / "lock").open("w") as file:
        json.dump({"pid": os.getpid()}, file)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert status(started_run) == "running"
        fcntl.flock(file, fcntl.LOCK_UN)
        assert status(started_run) == "interrupted"


def test_a_lock_left_by_a_crash_or_a_restart_counts_for_nothing(started_run: Any) -> None:
    started_run.json("lock", {"pid": 2**22 + 1})
    assert status(started_run) == "interrupted"
    started_run.json("lock", {"pid": os.getpid(), "boot_id": "an earlier start of the machine"})
    assert status(started_run) == "interrupted"


def test_a_torn_last_line_and_bad_lines_are_left_out_and_noted(started_run: Any) -> None:
    with (started_run.directory / "events.jsonl").open("ab") as file:
        file.write(b'nonsense\n[1]\n{"images_seen": 3}\n{"kind": "tick", "images_seen": 64}\n{"kind": "tick", "ima')
    record = read_run(started_run.directory)
    assert [event["kind"] for event in record.events] == ["start", "tick"]
    assert any("torn" in problem for problem in record.problems)
    assert any("3 lines" in problem and "line 2" in problem for problem in record.problems)


@pytest.mark.parametrize("given", [None, -1, 1.5, "many", True, 10**400])
def test_an_event_without_a_usable_moment_takes_the_last_one(started_run: Any, given: Any) -> None:
    started_run.event("tick", 640)
    started_run.event("tick", given)
    assert read_run(started_run.directory).images_seen == 640
