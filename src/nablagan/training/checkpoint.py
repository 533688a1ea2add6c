"""Checkpoints: safetensors and JSON with a sha256 manifest, renamed into place whole; pickle is never read."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nablagan.data.files import sync_directory, sync_file, write_bytes
from nablagan.types import InputError

Tensors = dict[str, dict[str, Tensor]]
"""Tensors by file (`generator`, `discriminator`, ...) and name."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    path: Path
    tensors: Tensors
    state: dict[str, Any]


def save_checkpoint(directory: Path, images_seen: int, tensors: Tensors, state: dict[str, Any]) -> Path:
    """Write `directory/images-NNNNNNNNN`, whole or not at all, then point `latest` at it; returns its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"images-{images_seen:09d}"
    aside = directory / f".writing-{path.name}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name, group in tensors.items():
        save_file({key: tensor.contiguous() for key, tensor in group.items()}, aside / f"{name}.safetensors")
    (aside / "state.json").write_text(json.dumps(state, indent=1))
    digests = {file.name: sha256(file) for file in sorted(aside.iterdir())}
    (aside / "manifest.json").write_text(json.dumps({"format": 1, "sha256": digests}, indent=1))
    for file in aside.iterdir():
        sync_file(file)
    sync_directory(aside)
    replaced = directory / f".writing-{path.name}.replaced"
    if path.exists():  # the same moment reached again after a rollback or from a damaged checkpoint
        path.rename(replaced)
    aside.rename(path)
    sync_directory(directory)
    shutil.rmtree(replaced, ignore_errors=True)
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
    return sorted(directory.glob("images-*")) if directory.is_dir() else []


def load_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint whose every file matches the manifest. Raises InputError naming the file that does not."""
    verify(path)
    try:
        tensors = {file.stem: load_file(file) for file in sorted(path.glob("*.safetensors"))}
        state = json.loads((path / "state.json").read_text())
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise InputError(f"checkpoint {path} cannot be read: {error}") from error
    return Checkpoint(path, tensors, state)


def verify(path: Path) -> None:
    """Raise InputError unless the directory holds exactly the manifest's files with their sha256."""
    try:
        digests = json.loads((path / "manifest.json").read_text())["sha256"]
        found = {file.name: sha256(file) for file in sorted(path.iterdir()) if file.name != "manifest.json"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"checkpoint {path} has no usable manifest.json: {error}") from error
    if found != digests:
        names = sorted(name for name in found.keys() | digests.keys() if found.get(name) != digests.get(name))
        raise InputError(f"checkpoint {path} is damaged: {', '.join(names)} does not match manifest.json")


def keep_newest(directory: Path, count: int) -> None:
    """Delete old checkpoints, counting only those that verify, and leftovers of writes that a crash cut short."""
    good = 0
    for path in reversed(checkpoint_paths(directory)):
        if good >= count:
            shutil.rmtree(path)
            continue
        try:
            verify(path)
            good += 1
        except InputError:
            continue
    for leftover in directory.glob(".writing-*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
