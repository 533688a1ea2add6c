"""events.jsonl: one JSON object a line, the truth about a run."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nablagan.types import InputError

Listener = Callable[[dict[str, Any]], None]


class EventLog:
    """Appends events and cuts the file back to a known length when training returns to an earlier state."""

    def __init__(self, path: Path, listeners: tuple[Listener, ...] = ()) -> None:
        """`listeners` hear of each event after it is written (progress display, TensorBoard)."""
        self.listeners = listeners
        self._path, self._file = path, path.open("ab", buffering=0)

    def write(self, kind: str, images_seen: int, **content: Any) -> None:
        """Append one event; what depends on the clock belongs under `time`.

        Raises OSError if it cannot be written whole; then nothing of it stays.
        """
        event = {"kind": kind, "images_seen": images_seen, **content}
        self._append(json.dumps(event, allow_nan=False).encode() + b"\n")
        for listener in self.listeners:
            listener(event)

    def _append(self, line: bytes) -> None:
        before, rest = self.length, memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(before)
            raise

    @property
    def length(self) -> int:
        """Of the file, in bytes."""
        return os.fstat(self._file.fileno()).st_size

    def sync(self) -> int:
        """Everything written reaches the disk; the file's length in bytes."""
        os.fsync(self._file.fileno())
        return self.length

    def cut(self, length: int) -> bool:
        """Forget what was written after the file had this length.

        False if the file is shorter: its lost end stays lost, and a torn last line is dropped.
        """
        if self.length < length:
            length = self._path.read_bytes().rfind(b"\n") + 1
            self._file.truncate(length)
            return False
        self._file.truncate(length)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a file, without a last line that was torn by a crash. Raises InputError for other damage."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error
