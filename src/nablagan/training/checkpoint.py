"""Checkpoints: safetensors and JSON with a sha256 manifest, renamed into place whole; pickle is never read."""

import hashlib
import json
import re
import shutil
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from nablagan.data.files import sync_directory, sync_stream, write_bytes
from nablagan.types import InputError

Tensors = dict[str, dict[str, Tensor]]
"""Tensors by file (`generator`, `discriminator`, ...) and name."""
FINISHED = re.compile(r"images-(\d{9,})")
WRITING, REPLACED, DELETING = ".writing-", ".replaced-", ".deleting-"
"""Prefixes of directories on their way in or out; a REPLACED one serves if a crash has left no other of its moment."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    path: Path
    tensors: Tensors
    state: dict[str, Any]


def save_checkpoint(directory: Path, images_seen: int, tensors: Tensors, state: dict[str, Any]) -> Path:
    """Write `directory/images-NNNNNNNNN`, whole or not at all, then point `latest` at it; returns its path.

    Raises OSError if it cannot be written; what was there before stays in use.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True)
        sync_directory(directory.parent)
    path = directory / f"images-{images_seen:09d}"
    aside = directory / f"{WRITING}{path.name}"
    if aside.exists():  # left by a crash
        shutil.rmtree(aside)
    aside.mkdir()
    try:
        _write_files(aside, tensors, state)
        _put_in_place(aside, path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    write_bytes(directory / "latest", f"{path.name}\n".encode())
    return path


def load_newest(directory: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that verifies and what was wrong with newer ones; None if there is no checkpoint at all.

    Raises InputError if there are checkpoints and none verifies; nothing is deleted.
    """
    paths = checkpoint_paths(directory)
    problems: list[str] = []
    for path in reversed(paths):
        try:
            return load_checkpoint(path), problems
        except InputError as error:
            problems.append(str(error))
    if paths:
        raise InputError(
            f"none of the {len(paths)} checkpoints in {directory} can be used ({problems[0]}): "
            "restore one from a backup, or train into another --out"
        )
    return None, []


def checkpoint_paths(directory: Path) -> list[Path]:
    """All finished checkpoints, oldest first."""
    found: dict[int, Path] = {}
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if (match := FINISHED.fullmatch(path.name.removeprefix(REPLACED))) and path.is_dir():
            found[int(match[1])] = path  # "images-..." sorts after, and so supersedes, ".replaced-images-..."
    return [found[images_seen] for images_seen in sorted(found)]


def load_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint whose every file matches the manifest. Raises InputError naming the file that does not.

    What is parsed are the very bytes that were verified: each file is read once.
    """
    digests = _manifest(path)
    try:
        contents = {file.name: file.read_bytes() for file in _files(path)}
        _compare(path, {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}, digests)
        state = json.loads(contents.pop("state.json"))
        tensors = {Path(name).stem: safetensors.torch.load(content) for name, content in contents.items()}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"checkpoint {path} cannot be read: {error}") from error
    if not isinstance(state, dict):
        raise InputError(f"checkpoint {path} cannot be read: state.json holds no JSON object")
    return Checkpoint(path, tensors, state)


def verify(path: Path) -> None:
    """Raise InputError unless the directory holds exactly the manifest's files with their sha256."""
    digests = _manifest(path)
    try:
        found = {file.name: sha256(file) for file in _files(path)}
    except OSError as error:
        raise InputError(f"checkpoint {path} cannot be read: {error}") from error
    _compare(path, found, digests)


def keep_newest(directory: Path, count: int, kept: str = "") -> None:
    """Delete old checkpoints, counting only those that verify, and leftovers of writes that a crash cut short.

    The checkpoint called `kept` stays whatever its age and state.
    """
    good, paths = 0, checkpoint_paths(directory)
    for leftover in directory.iterdir():
        if leftover.name.startswith((WRITING, REPLACED, DELETING)) and leftover not in paths:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    for path in reversed(paths):
        if good >= count and path.name.removeprefix(REPLACED) != kept:
            aside = directory / f"{DELETING}{path.name}"
            path.rename(aside)  # a crash while deleting leaves no half of a checkpoint under its name
            shutil.rmtree(aside)
        else:
            good += is_sound(path)


def is_sound(path: Path) -> bool:
    """Whether a checkpoint verifies; hashed again only when a file's size, time or inode has changed since."""
    try:
        return _is_sound(path, tuple(_signature(file) for file in sorted(path.iterdir())))
    except OSError:
        return False


@lru_cache(maxsize=256)
def _is_sound(path: Path, signatures: tuple[tuple[Any, ...], ...]) -> bool:
    try:
        verify(path)
    except InputError:
        return False
    return True


def _signature(file: Path) -> tuple[Any, ...]:
    status = file.lstat()
    return file.name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_files(directory: Path, tensors: Tensors, state: dict[str, Any]) -> None:
    digests = {
        f"{name}.safetensors": _write(directory / f"{name}.safetensors", _serialised(tensors[name])) for name in tensors
    }
    digests["state.json"] = _write(directory / "state.json", json.dumps(state, indent=1, allow_nan=False).encode())
    _write(directory / "manifest.json", json.dumps({"format": 1, "sha256": digests}, indent=1).encode())
    sync_directory(directory)


def _serialised(group: dict[str, Tensor]) -> bytes:
    """Safetensors of a group. Copies, because the format refuses tensors that share memory, as tied weights do."""
    copies = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in group.items()}
    return safetensors.torch.save(copies)


def _write(path: Path, content: bytes) -> str:
    """Write and sync a file; returns the sha256 of what was meant to be written."""
    with path.open("xb") as stream:
        stream.write(content)
        sync_stream(stream)
    return hashlib.sha256(content).hexdigest()


def _put_in_place(aside: Path, path: Path) -> None:
    """Rename, keeping what had the name (the same moment reached again) until the new one is there."""
    replaced = path.with_name(f"{REPLACED}{path.name}")
    if path.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        path.rename(replaced)
    try:
        aside.rename(path)
        sync_directory(path.parent)
    except OSError:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        _check_regular(path / "manifest.json")
        digests = json.loads((path / "manifest.json").read_bytes())["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"checkpoint {path} has no usable manifest.json: {error}") from error
    if not isinstance(digests, dict):
        raise InputError(f"checkpoint {path} has no usable manifest.json: its sha256 is not a table")
    return digests


def _files(path: Path) -> list[Path]:
    """The files that the manifest must list. Raises OSError for anything that is not a regular file."""
    files = sorted(file for file in path.iterdir() if file.name != "manifest.json")
    for file in files:
        _check_regular(file)
    return files


def _check_regular(file: Path) -> None:
    if not stat.S_ISREG(file.lstat().st_mode):
        raise OSError(f"{file.name} is not a regular file")


def _compare(path: Path, found: dict[str, str], digests: dict[str, Any]) -> None:
    if found != digests:
        names = sorted(name for name in found.keys() | digests.keys() if found.get(name) != digests.get(name))
        raise InputError(f"checkpoint {path} is damaged: {', '.join(names)} does not match manifest.json")
