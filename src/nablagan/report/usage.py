"""What to type next: go on, sample, draw the report again."""

import os
import shlex
from pathlib import Path
from typing import Any

from nablagan.report.commands import PROGRAMS
from nablagan.report.markup import Markup, join, tag
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite
from nablagan.report.summary import starts_from_images, task_name


def how_to_go_on(record: RunRecord) -> Markup:
    """Commands with the words that say what each does."""
    run = shlex.quote(_place(record.directory))
    made = _of_images(record, run) if starts_from_images(record) else _of_samples(record, run)
    lines = [*_resuming(record, run), *made]
    lines += [("Draw this page again.", f"nablagan report {run}")]
    return tag("dl", *(join(tag("dt", words), tag("dd", _code(code))) for words, code in lines), class_="card go-on")


def _of_samples(record: RunRecord, run: str) -> list[tuple[str, str]]:
    """What one does with a generator of samples."""
    lines = [
        (
            "Draw 64 samples; the same seed gives the same bytes.",
            f"nablagan sample {run} --count 64 --seed 1 --out samples",
        ),
    ]
    if record.get("config", "conditional") is True:
        one = f"nablagan sample {run} --count 64 --class {_class(record)} --out one-class"
        lines.append(("Of one class only.", one))
    shape = record.get("data", "shape")
    if isinstance(shape, list) and len(shape) == 3:
        lines.append(("See what the generator does along directions of its latent space.", f"nablagan explain {run}"))
    return [*lines, ("Measure its samples against real ones.", f"nablagan evaluate {run}")]


def _of_images(record: RunRecord, run: str) -> list[tuple[str, str]]:
    """What one does with a generator that starts from images."""
    if record.get("config", "masks"):
        verb = f"nablagan complete {run} IMAGE --mask MASK --out completed"
        lines = [
            ("Complete a picture: white of the mask is missing, all else is copied bit for bit.", verb),
            (
                "The same with a box in place of a mask.",
                f"nablagan complete {run} IMAGE --box 8,8,12,12 --out completed",
            ),
        ]
    else:
        verb = f"nablagan translate {run} IMAGES --out translated"
        lines = [("Translate pictures, or folders of them; names, sizes and kinds are kept.", verb)]
    if task_name(record) == "two_ways":
        lines.append(("The other way.", f"nablagan translate {run} IMAGES --direction backward --out translated-back"))
    latent_size = record.get("config", "latent_size")
    if is_finite(latent_size) and latent_size > 0:
        lines.append(("Four answers for each; the same seed gives the same ones.", f"{verb} --count 4 --seed 1"))
    return [*lines, ("Judge it on pairs that it has not seen, beside baselines.", f"nablagan evaluate {run}")]


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
