"""Opens a data set from its name: a built-in one, a folder or zip of images, an array file, or IDX files."""

import os
from collections.abc import Callable

from nablagan.data import builtin
from nablagan.data.cache import cache_directory
from nablagan.data.dataset import Dataset
from nablagan.data.policy import checked_request
from nablagan.types import InputError

Progress = Callable[[int, int, str], None]
"""(done, total, text)."""


def open_dataset(
    spec: str | os.PathLike[str],
    resolution: int | tuple[int, int] | None = None,
    channels: int | None = None,
    fit: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    limit_bad: float = 0.01,
    progress: Progress | None = None,
) -> Dataset:
    """The data set called `spec`: `builtin:NAME`, a folder or zip of images, .npy, .npz, or IDX files.

    resolution: side, or (height, width); channels: 1 or 3; fit: crop, pad, stretch or border; None chooses.
    cache: directory for decoded images, default $NABLAGAN_CACHE or ~/.cache/nablagan. limit_bad: part of the files
    that may be unusable, in [0, 1]. progress(done, total, text) is called from the calling thread.
    Raises InputError with the remedy.
    """
    request = checked_request(resolution, channels, fit)
    if not 0 <= limit_bad <= 1:
        raise InputError(f"limit_bad {limit_bad} must be a part in [0, 1], such as 0.01")
    name, directory = os.fspath(spec), cache_directory(cache)
    if name.startswith(builtin.PREFIX):
        return builtin.open_builtin(name.removeprefix(builtin.PREFIX), request, directory)
    raise NotImplementedError
