"""Translations without training, to compare with: the source itself, and the target of the nearest training source."""

import numpy as np

from nablagan.baselines.completion import nearest_rows
from nablagan.types import InputError

_LUMA = np.array([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)


def identity(sources: np.ndarray, channels: int) -> np.ndarray:
    """The sources uint8 (n, Cs, h, w) themselves, in `channels`: grey three times, colour by its luma (ITU-R 601).

    Raises InputError where the channels cannot be brought together so.
    """
    _check(sources)
    if sources.shape[1] == channels:
        return sources
    if sources.shape[1] == 1:
        return np.repeat(sources, channels, axis=1)
    if (sources.shape[1], channels) == (3, 1):
        return np.rint((sources * _LUMA).sum(1, keepdims=True)).astype(np.uint8)
    raise InputError(f"{sources.shape[1]} channels have no plain picture in {channels}; leave the identity out")


def nearest_source(sources: np.ndarray, training_sources: np.ndarray, training_targets: np.ndarray) -> np.ndarray:
    """For each source the target uint8 (n, C, h, w) of the training source nearest to it in squared distance.

    sources (n, Cs, h, w), training_sources (m, Cs, h, w), training_targets (m, C, h, w), row i belonging to row i.
    Raises InputError for arrays that do not fit together.
    """
    _check(sources)
    if sources.shape[1:] != training_sources.shape[1:]:
        raise InputError(f"sources of shape {sources.shape}, in training {training_sources.shape}; give one size")
    if len(training_sources) != len(training_targets) or not len(training_sources):
        counts = f"{len(training_sources)} sources and {len(training_targets)} targets"
        raise InputError(f"{counts} for training: the nearest one needs pairs; give as many of both")
    return np.array(training_targets[nearest_rows(sources, training_sources)])


def _check(sources: np.ndarray) -> None:
    if sources.ndim != 4 or sources.dtype != np.uint8 or not sources.size:
        raise InputError(f"sources are {sources.dtype} {sources.shape}; give uint8 (n, channels, height, width)")
