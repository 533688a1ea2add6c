"""All candidates and seeds of a comparison, one after another; finished ones are kept."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nablagan.comparison.budget import Budget
from nablagan.comparison.candidates import Candidate
from nablagan.comparison.cell import RECORD, Progress, cell_directory, train_cell
from nablagan.comparison.trainees import Task
from nablagan.training.files import locked
from nablagan.types import InputError


@dataclass(frozen=True)
class Cell:
    """A candidate with a seed, and where its files are."""

    candidate: Candidate
    seed: int
    directory: Path

    def record(self) -> dict[str, Any] | None:
        """What its training left; None while it is not finished."""
        path = self.directory / RECORD
        return read_kept(path) if path.exists() else None


def read_kept(path: Path) -> dict[str, Any]:
    """What an earlier command wrote. InputError where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): delete it, and the same command makes it anew") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object: delete it, and the same command makes it anew")
    return content


def cells(candidates: Sequence[Candidate], seeds: int, out: Path) -> list[Cell]:
    """All of them, seed by seed, so that a comparison that is cut short has every candidate once."""
    return [Cell(c, seed, cell_directory(out, c, seed)) for seed in range(seeds) for c in candidates]


def train_all(
    wanted: Sequence[Cell],
    task: Callable[[int], Task],
    budget: Budget,
    count: int,
    progress: Progress | None = None,
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Train what is not done, a failure of before too, yielding each cell with its record.

    InputError for one that another process has in hand.
    """
    for cell in wanted:
        if (record := cell.record()) is None or record.get("status") != "done":
            cell.directory.mkdir(parents=True, exist_ok=True)
            with locked(cell.directory):
                record = train_cell(cell.candidate, task(cell.seed), budget, count, cell.directory, progress)
        yield cell, record
