"""`evaluate`: generated samples against real ones, and whether they are copies of training samples."""

import time
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from nablagan import metrics
from nablagan.evaluation.judges import Judge
from nablagan.evaluation.neighbours import Neighbours, neighbours_of, neighbours_picture
from nablagan.evaluation.records import FORMAT, KIND, metric_entries, versions
from nablagan.evaluation.samples import Samples
from nablagan.metrics.features import deviation
from nablagan.training.files import plain
from nablagan.types import InputError

if TYPE_CHECKING:
    from PIL import Image

MOST = 10_000
"""Samples a side, unless the caller asks for more."""
AGREED = 0.5
"""The part of real samples that a judge of the same classes names as they are labelled, at least."""


class Role(Enum):
    """What the real side is to the generator."""

    HELD_OUT = "held-out data"
    TRAINING = "the training data"
    GIVEN = "the data given"


@dataclass(frozen=True)
class Real:
    """The real side, and what it is to the generator."""

    samples: Samples
    role: Role


@dataclass(frozen=True)
class Evaluation:
    """What was found: a record for files and programs, and a picture of nearest neighbours where there is one."""

    record: dict[str, Any]
    picture: "Image.Image | None" = None


def evaluate(
    generated: Samples,
    real: Real,
    judge: Judge,
    seed: int = 0,
    training: Samples | None = None,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Every metric of equally many generated and real samples, with intervals; copying is tested against `training`.

    The test of memorisation needs held-out data as the real side. Raises InputError for unequal numbers or shapes.
    """
    started = time.time()
    check_alike(generated, real.samples)
    record: dict[str, Any] = {
        "kind": KIND,
        "format": FORMAT,
        "generated": generated.description | {"fingerprint": generated.fingerprint},
        "against": real.samples.description | {"role": real.role.value, "chosen": real.samples.fingerprint},
        "count": len(generated),
        "seed": seed,
        "extractor": judge.protocol,
        "notes": list(notes),
        "versions": versions(),
    }
    real_features, features = judge.features(real.samples, keep=True), judge.features(generated)
    classes = common_classes(judge, real.samples)
    record |= measured(generated, features, real_features, judge, seed, classes)
    picture = None
    if training is not None:
        copies, picture = _copies(generated, real, training, features, real_features, judge, seed)
        record |= {"training": training.description, **copies}
    else:
        record["memorisation"] = {"not_done": "no training data are known: name them with --train"}
    record["time"] = {"unix": started, "seconds": time.time() - started}
    return Evaluation(plain(record), picture)


def measured(
    generated: Samples, features: np.ndarray, real_features: np.ndarray, judge: Judge, seed: int, classes: int = 0
) -> dict[str, Any]:
    """The part of a record that holds figures: `metrics`, the `settings` they depend on, the `deviation` divided by.

    Modes are counted among `classes` that the judge and the data have in common (`common_classes`); not for 0.
    """
    scale = deviation(real_features) if judge.standardised else 1.0
    probabilities, settings = judge.probabilities(generated), metrics.Settings(seed=seed)
    counted = probabilities is not None and classes > 0
    found = metrics.measure(
        (real_features / scale).astype(np.float32),
        (features / scale).astype(np.float32),
        settings,
        probabilities,
        probabilities.argmax(axis=1) if probabilities is not None and counted else None,
        classes,
        lambda done, total: judge.progress(done, total, "metrics"),
    )
    return {
        "metrics": metric_entries(found, len(features)),
        "settings": settings_of(settings),
        "deviation": scale,
    }


def common_classes(judge: Judge, real: Samples) -> int:
    """How many classes the judge and the data have in common: all of the data's, or 0.

    All, where the judge knows as many and names at least half of the real samples as they are labelled: ten kinds of
    clothes are not the ten digits, although both are called 0 to 9. 0 for data without labels.
    """
    classes = real.description.get("classes", 0)
    if real.labels is None or not classes:
        return 0
    probabilities = judge.probabilities(real)
    if probabilities is None or probabilities.shape[1] != classes:
        return 0
    return classes if np.mean(probabilities.argmax(axis=1) == real.labels) >= AGREED else 0


def settings_of(settings: metrics.Settings) -> dict[str, Any]:
    """What figures depend on besides features and seed, as JSON."""
    return {
        "precision_neighbours": settings.precision_neighbours,
        "coverage_neighbours": settings.coverage_neighbours,
        "kernel": getattr(settings.kernel, "__name__", str(settings.kernel)),
        "projections": settings.projections,
    }


def check_alike(generated: Samples, real: Samples) -> None:
    """Raise InputError unless both sides have equally many samples of one shape, at least two."""
    if len(generated) != len(real):
        raise InputError(
            f"{len(generated):,} generated samples against {len(real):,} real ones: metrics depend on the number, "
            "so give a --count that both have"
        )
    if len(generated) < 2:
        raise InputError("one sample a side tells nothing: give at least 2, better 1,000 and more")
    if generated.rows.shape[1:] != real.rows.shape[1:]:
        shapes = [" x ".join(map(str, side.rows.shape[1:])) for side in (generated, real)]
        raise InputError(f"generated samples are {shapes[0]} and real ones {shapes[1]}: bring both to one shape")


def _copies(
    generated: Samples,
    real: Real,
    training: Samples,
    features: np.ndarray,
    real_features: np.ndarray,
    judge: Judge,
    seed: int,
) -> "tuple[dict[str, Any], Image.Image | None]":
    """The test of memorisation or why it was not done, and the nearest neighbours with their picture."""
    known = real_features if training.fingerprint == real.samples.fingerprint else judge.features(training, keep=True)
    told: dict[str, Any] = {"memorisation": _memorisation(real, training, features, real_features, known, seed)}
    if not generated.is_images or generated.rows.shape[1:] != training.rows.shape[1:]:
        return told, None
    found: Neighbours = neighbours_of(generated, training, features, known)
    return told | {"neighbours": found.as_json()}, neighbours_picture(generated, training, found)


def _memorisation(
    real: Real, training: Samples, features: np.ndarray, held_out: np.ndarray, known: np.ndarray, seed: int
) -> dict[str, Any]:
    if real.role is Role.TRAINING:
        return {"not_done": "it needs data that training has not seen: name some with --against"}
    if shared := shared_rows(real.samples, training):
        return {"not_done": f"{shared:,} of the {len(real.samples):,} real samples are training samples too"}
    found = metrics.memorisation(features, known, held_out, seed=seed)
    return {
        "p_value": found.p_value,
        "share_copied": found.copied,
        "threshold": found.threshold,
        "near": found.near,
        "expected": found.expected,
        "count_training": len(training),
    }


def shared_rows(samples: Samples, others: Samples) -> int:
    """How many of the samples are among the others too, to the bit."""
    known = {sha256(row.tobytes()).digest() for row in others.rows}
    return sum(sha256(row.tobytes()).digest() in known for row in samples.rows)
