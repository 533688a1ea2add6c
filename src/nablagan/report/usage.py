"""What to type next: go on, sample, draw the report again."""

import os
import shlex
from pathlib import Path
from typing import Any

from nablagan.report.commands import PROGRAMS
from nablagan.report.markup import Markup, join, tag
from nablagan.report.record import RunRecord


def how_to_go_on(record: RunRecord) -> Markup:
    """Commands with the words that say what each does."""
    run = shlex.quote(_place(record.directory))
    conditional = record.get("config", "conditional") is True
    lines = [
        *_resuming(record, run),
        (
            "Draw 64 samples; the same seed gives the same bytes.",
            f"nablagan sample {run} --count 64 --seed 1 --out samples",
        ),
    ]
    lines += [
        ("Of one class only.", f"nablagan sample {run} --count 64 --class {_class(record)} --out one-class")
    ] * conditional
    shape = record.get("data", "shape")
    if isinstance(shape, list) and len(shape) == 3:
        lines += [("See what the generator does along directions of its latent space.", f"nablagan explain {run}")]
    lines += [("Measure its samples against real ones.", f"nablagan evaluate {run}")]
    lines += [("Draw this page again.", f"nablagan report {run}")]
    return tag("dl", *(join(tag("dt", words), tag("dd", _code(code))) for words, code in lines), class_="card go-on")


def _resuming(record: RunRecord, run: str) -> list[tuple[str, str]]:
    if record.status in ("done", "running"):
        return []
    words = "Go on from the newest sound checkpoint: the same command on the same directory."
    command = _command(record.get("environment", "command"), run)
    if record.status == "failed":
        words += " A run that diverged will do so again unless its settings change: train into another directory then."
    return [(words, command)] if command else []


def _command(recorded: Any, run: str) -> str:
    """The command that began the run, with the directory it chose; empty where none was recorded."""
    if not isinstance(recorded, list) or not recorded:
        return ""
    program, *words = (str(word) for word in recorded)
    if program not in PROGRAMS:  # a run begun from Python: only its author knows the arguments
        return shlex.join([program, *words])
    out = "" if any(word == "--out" or word.startswith("--out=") for word in words) else f" --out {run}"
    return f"nablagan {shlex.join(words)}{out}"


def _class(record: RunRecord) -> int:
    """The index of a class that there is."""
    classes = record.get("data", "classes")
    return min(3, len(classes) - 1) if isinstance(classes, list) and classes else 0


def _place(directory: Path) -> str:
    """The directory as one would type it: relative where it lies below the working directory."""
    path, here = directory.resolve(), Path(os.getcwd()).resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _code(command: str) -> Markup:
    return tag("pre", tag("code", command))
