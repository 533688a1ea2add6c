"""The two sides of an evaluation: rows of a data set, and what a run's generator makes, as plain arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nablagan.data import Dataset, to_uint8
from nablagan.data.hashing import hash_of_array
from nablagan.data.sampler import seeded
from nablagan.training.restore import Trained, load_generator, read_json
from nablagan.training.run import Run
from nablagan.training.sampling import latents, samples
from nablagan.types import InputError

Progress = Callable[[int, int, str], None]
CHUNK = 500
"""Samples that are held as floats at once."""


@dataclass(frozen=True)
class Samples:
    """Images or points, and a plain-JSON account of what they are."""

    rows: np.ndarray
    """uint8 (n, C, H, W) images, or float32 (n, 2) points."""
    fingerprint: str
    """sha256 (hex): equal ones mean equal rows."""
    description: dict[str, Any]
    labels: np.ndarray | None = None
    """int64 (n,), the class of each real row where it is known."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_images(self) -> bool:
        """True for images, False for points."""
        return self.rows.ndim == 4


def silent(done: int, total: int, what: str) -> None:
    """Progress that nobody looks at."""


def rows_of(dataset: Dataset, count: int, seed: int) -> Samples:
    """`count` of a data set's samples, chosen by the seed, in the set's order; fewer of a seed are a part of more.

    Raises InputError for more than there are.
    """
    if not 1 <= count <= len(dataset):
        raise InputError(f"{count:,} samples of {dataset.name}, which has {len(dataset):,}: give a --count up to that")
    order = torch.randperm(len(dataset), generator=seeded(seed, "evaluation")).numpy()
    chosen = np.sort(order[:count])
    rows = np.asarray(dataset.samples if count == len(dataset) else dataset.samples[chosen])
    labels = None if dataset.labels is None else dataset.labels[chosen]
    description = {
        "name": dataset.name,
        "source": str(dataset.description.get("source", "")),
        "count": len(dataset),
        "shape": list(dataset.shape),
        "classes": len(dataset.classes),
        "fingerprint": dataset.fingerprint,
    }
    return Samples(rows, f"{dataset.fingerprint}-{count}-{seed}", description, labels)


def samples_of_run(
    run: Path,
    count: int,
    seed: int,
    checkpoint: Path | None = None,
    half_life: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> Samples:
    """What a run's averaged generator makes of the seed's latents, with classes in the data's proportions.

    InputError for what is no run, and for a generator that makes NaN or infinity.
    """
    trained = load_generator(run, checkpoint, half_life)
    labels = classes_asked(trained.run, _class_counts(trained, read_json(run / "data.json")), count)
    trained.generator.to(device)
    rows = generated(trained.generator, latents(count, trained.run.latent_size, seed), labels, progress)
    description = {
        "name": run.resolve().name,
        "run": str(run),
        "images_seen": trained.images_seen,
        "half_life": half_life or trained.run.ema_half_lives[0],
        "shape": list(trained.shape),
        "labels": "in the proportions of the training data" if labels is not None else "none",
    }
    return Samples(rows, hash_of_array(rows), description)


def generated(generator: nn.Module, latent: Tensor, label: Tensor | None, progress: Progress = silent) -> np.ndarray:
    """uint8 images (n, C, H, W), or float32 points (n, 2), that a generator makes of latents and labels.

    InputError where they are not finite.
    """
    parts = []
    for start in range(0, len(latent), CHUNK):
        part = slice(start, start + CHUNK)
        made = samples(generator, latent[part], None if label is None else label[part])
        parts.append(to_uint8(made) if made.ndim == 4 else _finite(made))
        progress(min(start + CHUNK, len(latent)), len(latent), "samples")
    return np.concatenate(parts)


def classes_asked(run: Run, counts: np.ndarray, count: int) -> Tensor | None:
    """(count,) classes that a run's generator is asked for, as often as they are counted; None without labels."""
    return in_proportion(counts, count) if run.conditional else None


def in_proportion(counts: np.ndarray, count: int) -> Tensor:
    """(count,) classes, int64, as often as they are counted, as nearly as whole numbers allow.

    >>> in_proportion(np.array([30, 10, 0]), 4).tolist()
    [0, 0, 0, 1]
    """
    shares = np.cumsum(counts) / np.sum(counts)
    return torch.from_numpy(np.searchsorted(shares, (np.arange(count) + 0.5) / count)).long()


def _class_counts(trained: Trained, description: Mapping[str, Any]) -> np.ndarray:
    """How often the training data hold each class; equally often where data.json does not say."""
    counted = description.get("class_counts")
    if not isinstance(counted, Mapping) or not set(trained.classes) <= set(counted):
        return np.ones(len(trained.classes), np.int64)
    return np.array([int(counted[name]) for name in trained.classes])


def _finite(points: Tensor) -> np.ndarray:
    if not bool(torch.isfinite(points).all()):
        raise InputError("the generator makes points that are NaN or infinite: it has diverged")
    return points.numpy().astype(np.float32)
