"""Where an evaluation is kept: a record and a picture, whole or absent."""

from pathlib import Path
from typing import Any

import numpy as np

from nablagan.data import picture_grid
from nablagan.evaluation.evaluate import Evaluation
from nablagan.evaluation.pair_run import PairEvaluation
from nablagan.training.files import write_json, write_picture

DIRECTORY = "evaluations"
PAIRS = "pairs"


def place_in_run(run: Path, record: dict[str, Any]) -> Path:
    """RUN/evaluations/images-NNNNNNNNN-EXTRACTOR-AGAINST.json."""
    words = (record["extractor"]["name"], record["against"]["name"])
    name = f"images-{record['generated']['images_seen']:09d}-{'-'.join(words)}"
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return run / DIRECTORY / f"{safe[:120]}.json"


def write_evaluation(path: Path, found: Evaluation) -> list[Path]:
    """Write the record, and the picture under the same name where there is one; their paths. May raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = path.with_suffix(".png")
    record = dict(found.record)
    if found.picture is not None:
        write_picture(picture, found.picture)
        record["picture"] = picture.name
    write_json(path, record)
    return [path, picture] if found.picture is not None else [path]


def write_pairs(path: Path | None, run: Path, found: PairEvaluation) -> list[Path]:
    """Write the record and a picture, a column a candidate; their paths. May raise OSError.

    To `path`, or RUN/pairs/images-NNNNNNNNN-AGAINST.json. The record names the picture and its columns.
    """
    name = f"images-{found.record['generated']['images_seen']:09d}-{found.record['against']['name']}"
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    path = path or run / PAIRS / f"{safe[:120]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = path.with_suffix(".png")
    columns = np.stack(list(found.columns.values()), 1)
    write_picture(picture, picture_grid(columns.reshape(-1, *columns.shape[2:]), columns.shape[1]))
    write_json(path, found.record | {"picture": picture.name, "columns": list(found.columns)})
    return [path, picture]
