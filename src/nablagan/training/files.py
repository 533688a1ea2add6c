"""JSON and pictures that are whole or absent, and the lock of a run directory."""

import fcntl
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from nablagan.data.files import write_bytes
from nablagan.types import InputError

if TYPE_CHECKING:
    from PIL import Image


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that readers see the old file or the new one, never a part."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def plain(value: Any) -> Any:
    """As JSON holds it: complex numbers as [re, im], numbers that are not finite as None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (complex, np.complexfloating)):
        return [plain(float(value.real)), plain(float(value.imag))]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


def write_picture(path: Path, picture: "Image.Image", **options: Any) -> None:
    """Write a picture, in the format of the name's suffix, so that readers never see a part; options go to Pillow."""
    stream = BytesIO()
    picture.save(stream, path.suffix.removeprefix("."), **options)
    write_bytes(path, stream.getvalue())


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Own the run directory; the kernel frees the lock of a dead process, so a stale one never blocks.

    Raises InputError naming the owner if another process is training there.
    """
    path = directory / "lock"
    with _claimed(path, directory) as file:
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "boot_id": boot_id()}) + "\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _claimed(path: Path, directory: Path) -> TextIO:
    """The open lock file, locked, and still the one that `path` names: its last owner unlinks it when it ends."""
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            with file:
                if not isinstance(error, BlockingIOError):
                    raise
                file.seek(0)
                owner = file.read().strip() or "unknown"
            raise InputError(
                f"{directory} is in use by another process ({owner}): wait for it, stop it, or choose another --out"
            ) from error
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()


def boot_id() -> str:
    """What distinguishes this start of the machine from others; empty where the system does not say."""
    source = Path("/proc/sys/kernel/random/boot_id")
    return source.read_text().strip() if source.exists() else ""
