"""Files that are whole or absent: written aside, synced to the disk, renamed into place."""

import os
from pathlib import Path
from typing import BinaryIO, TextIO


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part, even after a power cut.

    Raises OSError and leaves nothing behind when the disk is full or the directory cannot be written.
    """
    aside = path.with_name(f".writing-{path.name}-{os.getpid()}")  # two processes may write the same file
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            sync_stream(stream)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_stream(stream: BinaryIO | TextIO) -> None:
    """What was written to an open file reaches the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def sync_directory(path: Path) -> None:
    """Renames inside the directory reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
