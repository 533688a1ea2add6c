"""The data set of a run, from the run's settings."""

import os
from collections.abc import Callable
from dataclasses import replace

from nablagan.data import Dataset, open_dataset
from nablagan.training.run import DataSettings

Progress = Callable[[int, int, str], None]


def open_data(
    settings: DataSettings, cache: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Dataset:
    """The data set that the settings describe. Raises InputError, with the remedy, if it cannot be read."""
    dataset = open_dataset(
        settings.source, settings.resolution, settings.channels, settings.fit, cache, settings.limit_bad, progress
    )
    return dataset if settings.paired or dataset.sources is None else replace(dataset, is_paired=False)
