"""Real images that no candidate trains on: the data's own test part where there is one, else a part held out."""

from dataclasses import replace

import numpy as np

from nablagan.data import Dataset
from nablagan.data.hashing import hash_of_json
from nablagan.types import InputError

PART, MOST = 5, 5000
"""Without a test part so many are held out: a fifth, this number at most."""
SPLIT_SEED = 20_261_126


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
    fingerprint = hash_of_json([dataset.fingerprint, rows.tolist()])
    return replace(dataset, samples=dataset.samples[rows], labels=labels, fingerprint=fingerprint)
