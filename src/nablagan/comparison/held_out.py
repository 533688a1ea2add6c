"""Real images that no candidate trains on: the data's own test part where there is one, else a part held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nablagan.data import Dataset
from nablagan.data.builtin import PREFIX
from nablagan.data.idx import idx_images_of, is_idx_name
from nablagan.types import InputError

PART, MOST = 5, 5000
"""Without a test part so many are held out: a fifth, this number at most."""
SPLIT_SEED = 20_261_126
PAIRS = {f"{PREFIX}digits": f"{PREFIX}digits-heldout"}


def test_part(source: str) -> str | None:
    """Where the test images that belong to `source` are; None if it has none that is known."""
    if source in PAIRS:
        return PAIRS[source]
    path = Path(source).expanduser()
    images = idx_images_of(path) if path.is_dir() else path
    if images is None or not is_idx_name(images.name) or "train" not in images.name:
        return None
    names = (images.name.replace("train", word) for word in ("t10k", "test"))
    return next((str(beside) for beside in map(images.with_name, names) if beside.is_file()), None)


def split(dataset: Dataset, against: Dataset | None) -> tuple[Dataset, Dataset]:
    """(what to train on, what to measure against): `against` as it is, or a part of the data held out, ever the same.

    Raises InputError for samples of another shape, and for too few of them.
    """
    if not dataset.is_images:
        raise InputError(f"{dataset.name} holds points: compare on images")
    if against is not None:
        if against.shape != dataset.shape:
            raise InputError(f"{against.name} has shape {against.shape}, the data {dataset.shape}: give --resolution")
        return dataset, against
    count = min(MOST, len(dataset) // PART)
    if count < 2:
        raise InputError(f"{dataset.name} has {len(dataset)} images: too few to hold some out, give --against")
    order = np.random.Generator(np.random.PCG64(SPLIT_SEED)).permutation(len(dataset))
    return part(dataset, np.sort(order[count:])), part(dataset, np.sort(order[:count]))


def part(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """The data set of some of its samples."""
    labels = None if dataset.labels is None else dataset.labels[rows]
    return replace(dataset, samples=dataset.samples[rows], labels=labels)
