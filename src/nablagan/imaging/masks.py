"""What is missing from a picture: a mask file of the same size, or boxes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nablagan.imaging.applying import size_words
from nablagan.imaging.jobs import Job
from nablagan.imaging.pictures import SUFFIXES
from nablagan.types import InputError


def boxes(given: Sequence[tuple[int, int, int, int]], size: tuple[int, int]) -> np.ndarray:
    """bool (h, w): the pixels in any of the boxes (x, y, width, height). InputError for one that is not in the picture.

    >>> boxes([(1, 0, 2, 1)], (2, 3)).astype(int).tolist()
    [[0, 1, 1], [0, 0, 0]]
    """
    missing = np.zeros(size, bool)
    for x, y, width, height in given:
        if min(x, y) < 0 or min(width, height) < 1 or x + width > size[1] or y + height > size[0]:
            raise InputError(f"the box {x},{y},{width},{height} is not within the picture ({size_words(size)})")
        missing[y : y + height, x : x + width] = True
    return missing


def mask_of(job: Job, given: Path) -> Path:
    """The mask file of a job: the file that was given, or the one of the same name in the folder that was."""
    if given.is_file():
        return given
    if not given.is_dir():
        raise InputError(f"the mask {given} is not there: give a file or a folder")
    for suffix in (job.name.suffix, *SUFFIXES):
        if (given / job.name.with_suffix(suffix)).is_file():
            return given / job.name.with_suffix(suffix)
    raise InputError(f"{given} has no mask for {job.name}: name it {job.name.with_suffix('.png')}")


def told_of(missing: np.ndarray) -> tuple[str, ...]:
    """What a person should know: that nothing, or everything, is missing."""
    if not missing.any():
        return ("nothing is missing by its mask: written as it was",)
    return ("everything is missing: nothing of the picture is seen",) if missing.all() else ()
