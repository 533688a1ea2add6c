"""JSON files that are whole or absent, and the lock of a run directory."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nablagan.data.files import write_bytes
from nablagan.types import InputError


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that readers see the old file or the new one, never a part."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Own the run directory; the kernel frees the lock of a dead process, so a stale one never blocks.

    Raises InputError naming the owner if another process is training there.
    """
    path = directory / "lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InputError(
                f"{directory} is in use by another process ({file.read().strip() or 'unknown'}): "
                "wait for it, stop it, or choose another --out"
            ) from error
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "boot_id": boot_id()}) + "\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def boot_id() -> str:
    """What distinguishes this start of the machine from others; empty where the system does not say."""
    source = Path("/proc/sys/kernel/random/boot_id")
    return source.read_text().strip() if source.exists() else ""
