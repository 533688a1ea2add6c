"""JSON files that a verb has left in a run directory."""

import json
from collections.abc import Callable
from typing import Any

from nablagan.report.record import UNREADABLE, RunRecord


def contents(
    record: RunRecord, pattern: str, most: int, is_one: Callable[[Any], bool], what: str
) -> list[dict[str, Any]]:
    """What a pattern's files hold, the last `most` by name; those that hold no `what` are problems of the record."""
    try:
        paths = sorted(record.directory.glob(pattern))
    except OSError:
        paths = []
    found = []
    for path in paths[-most:]:
        name = path.relative_to(record.directory).as_posix()
        try:
            content = json.loads(path.read_bytes())
        except UNREADABLE as error:
            record.problems.append(f"{name} cannot be read ({error}).")
            continue
        if is_one(content):
            found.append(content)
        else:
            record.problems.append(f"{name} holds no {what}.")
    return found
