"""The event log: whole lines, cut back exactly."""

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from nablagan.training.events import EventLog, read_events
from nablagan.types import InputError


@pytest.fixture
def opened() -> Iterator[Callable[[Path], EventLog]]:
    """Opens logs, and closes them after the test."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(closing(EventLog(path)))


def test_events_are_read_back_without_a_torn_line(tmp_path: Path, opened: Callable[[Path], EventLog]):
    path = tmp_path / "events.jsonl"
    log = opened(path)
    log.write("start", 0, time={"unix": 1.5})
    log.write("tick", 8, measures={"x": 0.1})
    log.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "ti')
    assert read_events(path) == [
        {"kind": "start", "images_seen": 0, "time": {"unix": 1.5}},
        {"kind": "tick", "images_seen": 8, "measures": {"x": 0.1}},
    ]


def test_cutting_forgets_what_came_after(tmp_path: Path, opened: Callable[[Path], EventLog]):
    path = tmp_path / "events.jsonl"
    log = opened(path)
    log.write("start", 0)
    length = log.sync()
    assert length == path.stat().st_size
    log.write("tick", 8)
    assert log.cut(length)
    log.write("tick", 9)
    assert [event["images_seen"] for event in read_events(path)] == [0, 9]


def test_cutting_a_log_that_is_shorter_says_so_and_drops_the_torn_line(
    tmp_path: Path, opened: Callable[[Path], EventLog]
):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"kind": "start", "images_seen": 0}\n{"kind"')
    log = opened(path)
    assert not log.cut(1000)
    log.write("tick", 9)
    assert [event["images_seen"] for event in read_events(path)] == [0, 9]


def test_an_event_that_cannot_be_written_whole_leaves_nothing(tmp_path: Path, opened: Callable[[Path], EventLog]):
    path = tmp_path / "events.jsonl"
    log = opened(path)
    log.write("start", 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            log.write("warning", 0, message="x" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.write("tick", 8)
    assert [event["kind"] for event in read_events(path)] == ["start", "tick"]


def test_a_number_that_json_lacks_is_refused(tmp_path: Path, opened: Callable[[Path], EventLog]):
    with pytest.raises(ValueError, match="JSON"):
        opened(tmp_path / "events.jsonl").write("tick", 0, measures={"x": float("nan")})


def test_a_damaged_log_is_an_input_error(tmp_path: Path):
    (tmp_path / "events.jsonl").write_bytes(b'{"kind": \n{"kind": "tick"}\n')
    with pytest.raises(InputError, match=r"events.jsonl is damaged"):
        read_events(tmp_path / "events.jsonl")
