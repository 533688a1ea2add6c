"""What a run directory says: every file read once, whatever its state, with what is missing or broken noted."""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nablagan.types import InputError

Event = dict[str, Any]
OF_INTEREST = ("warning", "rollback", "resume")
UNREADABLE = (OSError, ValueError, RecursionError)
"""What reading a file and its JSON raises."""
MOST_IMAGES = 10**15
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class RunRecord:
    """A run directory's content. `problems` lists, for people, what could not be read."""

    directory: Path
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    status: str = ""
    """`done`, `stopped`, `failed`, `running`, or `interrupted` (no end recorded, and no process at work)."""
    reason: str = ""

    def of_kind(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in the order of the file."""
        return [event for event in self.events if event["kind"] in kinds]

    @property
    def ticks(self) -> list[Event]:
        """The tick events."""
        return self.of_kind("tick")

    @property
    def images_seen(self) -> int:
        """Of the last event."""
        return self.events[-1]["images_seen"] if self.events else 0

    def get(self, part: str, *keys: str) -> Any:
        """`config`, `environment` or `data` at a path of keys; None where there is nothing."""
        value: Any = getattr(self, part)
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def read_run(directory: Path) -> RunRecord:
    """The record of a run directory. Raises InputError if it is none (neither config.json nor events.jsonl)."""
    if not any((directory / name).is_file() for name in ("config.json", "events.jsonl")):
        what = "holds no config.json or events.jsonl" if directory.is_dir() else "is not a directory"
        raise InputError(f"'{directory}' {what}: give the directory that `nablagan train` wrote")
    record = RunRecord(directory)
    for part in ("config", "environment", "data"):
        setattr(record, part, _read_object(directory / f"{part}.json", record.problems))
    record.events = _read_events(directory / "events.jsonl", record.problems)
    record.status, record.reason = _status(record)
    return record


def _read_object(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        problems.append(f"{path.name} is missing.")
        return {}
    except UNREADABLE as error:
        problems.append(f"{path.name} cannot be read ({error}).")
        return {}
    if not isinstance(content, dict):
        problems.append(f"{path.name} holds no JSON object.")
        return {}
    return content


def _read_events(path: Path, problems: list[str]) -> list[Event]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        problems.append("events.jsonl is missing: there is nothing to draw.")
        return []
    if lines and lines[-1]:
        problems.append("The last line of events.jsonl is torn (the process was killed while writing); it is left out.")
    bad: list[int] = []
    events = list(_valid_events(lines[:-1], bad))
    if bad:
        problems.append(f"{len(bad)} lines of events.jsonl are not events (the first is line {bad[0]}); left out.")
    if not events:
        problems.append("events.jsonl holds no event yet.")
    return events


def _valid_events(lines: list[bytes], bad: list[int]) -> Iterator[Event]:
    images_seen = 0
    for position, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
        except UNREADABLE:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
            bad.append(position)
            continue
        given = event.get("images_seen")
        images_seen = given if type(given) is int and 0 <= given <= MOST_IMAGES else images_seen
        yield event | {"images_seen": images_seen}


def _status(record: RunRecord) -> tuple[str, str]:
    """Status and reason: the DONE or FAILED file, else the last session's end, else whether someone is at work."""
    for name, status in (("DONE", "done"), ("FAILED", "failed")):
        if (record.directory / name).exists():
            return status, _words(_read_object(record.directory / name, []).get("reason"))
    last = record.of_kind("start", "resume", "end")[-1:]
    if last and last[0]["kind"] == "end":
        status = str(last[0].get("status", "stopped"))
        known = status if status in ("done", "stopped", "failed") else "stopped"
        return known, _words(last[0].get("reason"))
    return ("running", "") if _at_work(record.directory / "lock") else ("interrupted", "")


def _words(reason: Any) -> str:
    return "" if reason is None else str(reason)


def _at_work(lock: Path) -> bool:
    """Whether the lock's owner lives: not if its process is gone, and otherwise as the kernel says of the lock."""
    if not lock.exists():
        return False
    owner = _read_object(lock, [])
    here = BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
    if owner.get("boot_id", here) == here and type(owner.get("pid")) is int and not _lives(owner["pid"]):
        return False
    return _is_held(lock)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _is_held(lock: Path) -> bool:
    """Whether a process has locked the file: after a crash its number may be another's, after a restart anyone's."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # held, or a file system that cannot tell
        return True
    return False
