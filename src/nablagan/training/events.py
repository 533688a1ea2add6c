"""events.jsonl: one JSON object a line, the truth about a run."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class EventLog:
    """Appends events and cuts the file back to a known length when training returns to an earlier state."""

    def __init__(self, path: Path, listeners: tuple[Callable[[dict[str, Any]], None], ...] = ()) -> None:
        """`listeners` hear of each event after it is written (progress display, TensorBoard)."""
        self.listeners = listeners
        self._file = path.open("ab")

    def write(self, kind: str, images_seen: int, **content: Any) -> None:
        """Append one event; what depends on the clock belongs under `time`."""
        event = {"kind": kind, "images_seen": images_seen, **content}
        self._file.write(json.dumps(event).encode() + b"\n")
        self._file.flush()
        for listener in self.listeners:
            listener(event)

    def sync(self) -> int:
        """Everything written reaches the disk; the file's length in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def cut(self, length: int) -> None:
        """Forget what was written after the file had this length."""
        self._file.truncate(length)
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a file, without a last line that was torn by a crash."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]
