"""Decoded samples on disk: uncompressed, written aside and renamed, checked by sha256 whenever they are read.

An entry is a directory `data-v1/KEY/` with `samples.npy`, perhaps `labels.npy`, and `entry.json`: the
description and the sha256 of the others and of itself. An entry that does not verify is rebuilt.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from nablagan.data.files import sync_directory, sync_stream
from nablagan.data.hashing import hash_of_file, hash_of_json
from nablagan.data.memory import fits_in_memory
from nablagan.types import InputError

LAYOUT = "data-v1"
_ABANDONED_SECONDS = 24 * 3600
_TEMPORARY_PREFIX = ".unfinished-"


Finish = Callable[[], tuple[np.ndarray | None, dict[str, Any]]]
"""Labels and description of an entry, known once all blocks have been made."""


class Entry(NamedTuple):
    """What an entry holds; samples are memory-mapped when larger than a quarter of the memory."""

    samples: np.ndarray
    labels: np.ndarray | None
    description: dict[str, Any]


def cache_directory(cache: str | os.PathLike[str] | None) -> Path:
    """The cache directory: as given, else $NABLAGAN_CACHE, else ~/.cache/nablagan. Not created here."""
    return Path(cache or os.environ.get("NABLAGAN_CACHE") or Path.home() / ".cache" / "nablagan").absolute()


def load(cache: Path, key: str) -> Entry | None:
    """The entry under `key`, or None when there is none or any byte of it is not what was written."""
    path = _entry_path(cache, key)
    record = _verified_record(path)
    if record is None:
        return None
    labels = np.load(path / "labels.npy", allow_pickle=False) if "labels.npy" in record["files"] else None
    return Entry(_samples(path / "samples.npy"), labels, record["description"])


def store(cache: Path, key: str, row_shape: tuple[int, ...], blocks: Iterable[np.ndarray], finish: Finish) -> Entry:
    """Write blocks of uint8 rows as one entry and return it as loaded.

    `finish()` is called after the last block for the labels and the description. InputError when the
    directory cannot be written.
    """
    with _cache_errors(cache):
        _remove_abandoned(cache / LAYOUT)
        (cache / LAYOUT).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY_PREFIX, dir=cache / LAYOUT) as temporary:
            entry = Path(temporary) / "entry"
            entry.mkdir()
            _write_rows(entry / "samples.npy", row_shape, blocks)
            labels, description = finish()
            _write_record(entry, labels, description)
            _publish(entry, _entry_path(cache, key))
    result = load(cache, key)
    if result is None:
        raise InputError(
            f"the cache at {cache} does not return what was written to it; choose another with --cache DIR"
        )
    return result


def stored_samples(cache: Path, key: str, row_shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Samples from the entry under `key`, which is written first if need be."""
    entry = load(cache, key) or store(cache, key, row_shape, blocks, lambda: (None, {}))
    return entry.samples


def _entry_path(cache: Path, key: str) -> Path:
    return cache / LAYOUT / key[:32]


def _verified_record(path: Path) -> dict[str, Any] | None:
    """The parsed entry.json when it and every file that it names verify."""
    try:
        record = json.loads((path / "entry.json").read_bytes())
        own = record.pop("sha256")
        if own != hash_of_json(record):
            return None
        intact = all(hash_of_file(path / name) == digest for name, digest in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # missing, unreadable, or not what was written
        return None
    return record if intact else None


def _samples(path: Path) -> np.ndarray:
    mode = None if fits_in_memory(path.stat().st_size) else "r"
    return np.load(path, mmap_mode=mode, allow_pickle=False)


def _write_rows(path: Path, row_shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
    """One .npy file whose header is written again at the end, when the number of rows is known."""
    count = 0
    with path.open("wb") as stream:
        _write_header(stream, (0, *row_shape))
        start = stream.tell()
        for block in blocks:
            stream.write(np.ascontiguousarray(block).data)
            count += len(block)
        stream.seek(0)
        _write_header(stream, (count, *row_shape))
        assert stream.tell() == start, "numpy leaves room in the header for a longer first axis"
        sync_stream(stream)


def _write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _write_record(entry: Path, labels: np.ndarray | None, description: dict[str, Any]) -> None:
    if labels is not None:
        with (entry / "labels.npy").open("wb") as stream:
            np.save(stream, labels, allow_pickle=False)
            sync_stream(stream)
    record = {
        "files": {path.name: hash_of_file(path) for path in entry.iterdir()},
        "description": description,
    }
    with (entry / "entry.json").open("w") as stream:
        json.dump(record | {"sha256": hash_of_json(record)}, stream)
        sync_stream(stream)


def _publish(entry: Path, place: Path) -> None:
    """Rename the finished entry to its place, unless another process was faster; a damaged one makes room."""
    if _verified_record(place) is not None:
        return
    if place.exists():
        place.rename(entry.with_name("damaged"))  # deleted with the temporary directory
    try:
        entry.rename(place)
    except OSError:
        if _verified_record(place) is None:
            raise
    sync_directory(place.parent)


def _remove_abandoned(directory: Path) -> None:
    """Delete what a killed process left behind a day ago or longer."""
    for path in directory.glob(f"{_TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process has just finished with it
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _cache_errors(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write the cache at {cache}: {reason}; choose another with --cache DIR") from error
