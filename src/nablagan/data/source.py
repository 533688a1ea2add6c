"""Opens a data set from its name: a built-in one, a folder or zip of images, an array file, or IDX files."""

import difflib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nablagan.data import array_files, builtin, edges, idx, images, listing
from nablagan.data.cache import cache_directory
from nablagan.data.dataset import Dataset
from nablagan.data.policy import Request, checked_request
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

    `edges:SPEC` is any of these with the edge map of each image as its source.
    resolution: side, or (height, width); channels: 1 or 3; fit: crop, pad, stretch or border; None chooses.
    cache: directory for decoded images, default $NABLAGAN_CACHE or ~/.cache/nablagan. limit_bad: the part of
    files that may be unusable. progress(done, total, text) is called from the calling thread.
    Raises InputError with the remedy.
    """
    request = checked_request(resolution, channels, fit)
    checked_limit(limit_bad)
    name, directory = os.fspath(spec), cache_directory(cache)
    if name.startswith(builtin.PREFIX):
        return builtin.open_builtin(name.removeprefix(builtin.PREFIX), request, directory, progress)
    if name.startswith(edges.PREFIX):
        inner = open_dataset(name.removeprefix(edges.PREFIX), resolution, channels, fit, cache, limit_bad, progress)
        return edges.edge_pairs(replace(inner, name=f"{inner.name}-edges"), directory, progress)
    path = existing(name)
    if path.is_dir() and (idx_images := idx.idx_images_of(path)):
        return idx.open_idx(idx_images, request, directory)
    if path.is_dir() or path.suffix.lower() == ".zip":
        listed = listing.listed_folder(path) if path.is_dir() else listing.listed_zip(path)
        with listed as files:
            return images.open_pictures(files, request, directory, limit_bad, progress)
    return _opener(path)(path, request, directory)


def checked_limit(limit_bad: float) -> None:
    """InputError for a part that is none."""
    if not 0 <= limit_bad <= 1:
        raise InputError(f"limit_bad {limit_bad} must be a part in [0, 1], such as 0.01")


def _opener(path: Path) -> Callable[[Path, Request, Path], Dataset]:
    """What opens a file by its name; InputError for a file of another kind."""
    if idx.is_idx_name(path.name):
        return idx.open_idx
    openers = {".npy": array_files.open_npy, ".npz": array_files.open_npz}
    if path.suffix.lower() in openers:
        return openers[path.suffix.lower()]
    if path.suffix.lower() in listing.SUFFIXES:
        raise InputError(f"{path} is a single image; give the folder that holds the images")
    raise InputError(
        f"{path} is no data set that can be read: give a folder or .zip of images, a .npy or .npz file, or "
        "IDX files (train-images-idx3-ubyte.gz)"
    )


def existing(name: str) -> Path:
    """The path of a readable file or folder; InputError with the likely remedy if there is none."""
    if not name:
        raise InputError("the data set's name is empty; give builtin:digits or a path")
    try:
        path = Path(name).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError) as error:  # too long a name, no permission above, ~nobody
        raise InputError(f"{listing.printable(name)} cannot be read: {error}; check the path") from error
    if exists:
        if not os.access(path, os.R_OK) or not (path.is_dir() or path.is_file()):
            raise InputError(f"{path} cannot be read: no permission, or not a file or folder")
        return path
    if name in builtin.BUILTINS:
        raise InputError(f"{name} is not a path; did you mean {builtin.PREFIX}{name}?")
    siblings = os.listdir(path.parent) if path.parent.is_dir() and os.access(path.parent, os.R_OK) else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    hint = f"did you mean {listing.printable(str(path.with_name(near[0])))}?" if near else "check the path"
    raise InputError(f"{path} does not exist; {hint}")
