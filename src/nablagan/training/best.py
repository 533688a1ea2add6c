"""The best checkpoint: a file `best` beside `latest` that names one, which pruning leaves alone."""

from pathlib import Path

from nablagan.data.files import write_bytes
from nablagan.training.checkpoint import FINISHED
from nablagan.types import InputError

POINTER = "best"


def best_name(directory: Path) -> str:
    """The name of the checkpoint that `directory/best` points at; empty where nothing does."""
    try:
        name = (directory / POINTER).read_text(encoding="ascii").strip()
    except (OSError, ValueError):  # none yet, or damaged: it names nothing, and the next best is written anew
        return ""
    return name if FINISHED.fullmatch(name) else ""


def point_at_best(directory: Path, name: str) -> None:
    """Make `directory/best` name this checkpoint. Raises OSError if it cannot be written."""
    if best_name(directory) != name:
        write_bytes(directory / POINTER, f"{name}\n".encode())


def best_checkpoint(run: Path) -> Path:
    """The directory of a run's best checkpoint. Raises InputError where none has been named, or it is gone."""
    name = best_name(run / "checkpoints")
    if not name:
        raise InputError(f"{run} names no best checkpoint: `nablagan train --evaluate-every N` keeps one")
    path = run / "checkpoints" / name
    if not path.is_dir():
        raise InputError(f"the best checkpoint of {run}, {name}, is gone: restore it, or give another --checkpoint")
    return path
