"""Where an evaluation is kept: a record and a picture, whole or absent."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from nablagan.data import picture_grid
from nablagan.evaluation.evaluate import Evaluation
from nablagan.evaluation.pair_run import PairEvaluation
from nablagan.evaluation.records import comparable_part
from nablagan.training.files import write_json, write_picture

DIRECTORY = "evaluations"
"""Also written in report/evaluation.py, which knows a run directory and none of our modules."""
PAIRS = "pairs"
LONGEST = 100
"""Letters of a name's readable part."""


def place_in_run(run: Path, record: dict[str, Any]) -> Path:
    """RUN/evaluations/images-NNNNNNNNN-EXTRACTOR-AGAINST-COUNT-seedK-HASH.json.

    The hash is of all that decides the figures, so that only the same evaluation replaces a record.
    """
    words = (record["extractor"]["name"], record["against"]["name"])
    name = f"images-{record['generated']['images_seen']:09d}-{'-'.join(words)}"
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return run / DIRECTORY / f"{safe[:LONGEST]}-{record['count']}-seed{record['seed']}-{_digest(record)}.json"


def _digest(record: dict[str, Any]) -> str:
    """Six hex digits of what tells two evaluations of one moment apart."""
    decisive = [comparable_part(record), record["generated"].get("half_life")]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:6]


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

    To `path`, or RUN/pairs/images-NNNNNNNNN-AGAINST-COUNT-seedK.json. The record names the picture and its columns.
    """
    name = f"images-{found.record['generated']['images_seen']:09d}-{found.record['against']['name']}"
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    path = path or run / PAIRS / f"{safe[:LONGEST]}-{found.record['count']}-seed{found.record['seed']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = path.with_suffix(".png")
    columns = np.stack(list(found.columns.values()), 1)
    write_picture(picture, picture_grid(columns.reshape(-1, *columns.shape[2:]), columns.shape[1]))
    write_json(path, found.record | {"picture": picture.name, "columns": list(found.columns)})
    return [path, picture]
