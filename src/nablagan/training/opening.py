"""The data set of a run, from the run's settings."""

import os
from collections.abc import Callable

from nablagan.data import Dataset, reversed_pairs
from nablagan.training.run import DataSettings

Progress = Callable[[int, int, str], None]


def open_data(
    settings: DataSettings, cache: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Dataset:
    """The data set that the settings describe. Raises InputError, with the remedy, if it cannot be read."""
    dataset = settings.opener(
        settings.source,
        resolution=settings.resolution,
        channels=settings.channels,
        fit=settings.fit,
        cache=cache,
        limit_bad=settings.limit_bad,
        progress=progress,
        **settings.options,
    )
    return reversed_pairs(dataset) if settings.reverse else dataset
