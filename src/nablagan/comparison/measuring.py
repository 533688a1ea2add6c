"""The samples of every candidate and seed, measured alike against the same real images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nablagan import metrics
from nablagan.comparison.cell import RECORD, RESULT
from nablagan.comparison.running import Cell, read_kept
from nablagan.data import Dataset
from nablagan.data.hashing import hash_of_array
from nablagan.evaluation.evaluate import measured
from nablagan.evaluation.judges import Judge
from nablagan.evaluation.records import versions
from nablagan.evaluation.samples import Samples, rows_of
from nablagan.metrics.measure import LEAST
from nablagan.training.files import plain, write_json
from nablagan.types import InputError

MOST_TRAINING = 10_000
"""Training images among which copies are sought, at most."""
SEED = 0
"""Of the choice of real images and of the metrics' draws, the same for all candidates."""


@dataclass(frozen=True)
class Reference:
    """The real images, and how they are seen."""

    judge: Judge
    held_out: Samples
    training: Samples
    held_out_features: np.ndarray
    training_features: np.ndarray

    def identity(self) -> dict[str, Any]:
        """Equal ones mean comparable figures."""
        return {
            "extractor": self.judge.protocol,
            "against": self.held_out.fingerprint,
            "training": self.training.fingerprint,
            "count": len(self.held_out),
            "count_training": len(self.training),
            "seed": SEED,
            "versions": versions(),
        }


def check_count(count: int) -> None:
    """Raise InputError for fewer samples than intervals need."""
    if count < LEAST:
        raise InputError(
            f"{count} samples of each candidate against as many real ones: measuring needs {LEAST}, better thousands; "
            "raise --count, or name more real images with --against"
        )


def reference(training: Dataset, held_out: Dataset, count: int, judge: Judge) -> Reference:
    """`count` held-out images and at most 10,000 training images, their features taken or from the cache."""
    real = rows_of(held_out, count, SEED)
    seen = rows_of(training, min(len(training), MOST_TRAINING), SEED)
    return Reference(judge, real, seen, judge.features(real, keep=True), judge.features(seen, keep=True))


def measured_cell(cell: Cell, against: Reference) -> dict[str, Any] | None:
    """The figures of a cell's samplers, taken now or before with the same reference; None without samples."""
    record = cell.record()
    if record is None or record["status"] != "done":
        return None
    path, identity = cell.directory / RESULT, plain(against.identity())
    if path.exists() and (kept := read_kept(path)).get("reference") == identity:
        return kept
    figures = {row["sampler"]: _of_file(cell.directory, row["sampler"], against) for row in record["samplers"]}
    result = plain({"candidate": cell.candidate.name, "seed": cell.seed, "reference": identity, "figures": figures})
    write_json(path, result)
    return result


def floor(against: Reference) -> dict[str, Any]:
    """The same figures of training images in place of generated ones: what no candidate need go below."""
    count = min(len(against.held_out), len(against.training))
    chosen = np.random.default_rng(SEED).permutation(len(against.training))[:count]  # the data may be in order of class
    rows, features = against.training.rows[chosen], against.training_features[chosen]
    real = Samples(rows, f"{against.training.fingerprint}-{count}", against.training.description)
    return plain(measured(real, features, against.held_out_features, against.judge, SEED))


def _of_file(directory: Path, sampler: str, against: Reference) -> dict[str, Any]:
    """Metrics with intervals, and the test for copies of training images."""
    path = directory / f"samples-{sampler}.npy"
    try:
        pixels = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}): delete {path.with_name(RECORD)} to train anew") from error
    samples = Samples(pixels, hash_of_array(pixels), {"name": f"{directory.name}/{sampler}"})
    features = against.judge.features(samples)
    figures = measured(samples, features, against.held_out_features, against.judge, SEED)
    found = metrics.memorisation(features, against.training_features, against.held_out_features, seed=SEED)
    copies = {"p_value": found.p_value, "share_copied": found.copied, "near": found.near, "expected": found.expected}
    return figures | {"memorisation": copies}
