"""Opens what is to be translated or completed: pairs, two domains, images with masks, of the user's own or built in."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nablagan.data import builtin, edges, layouts, listing
from nablagan.data.cache import cache_directory
from nablagan.data.dataset import Dataset
from nablagan.data.fitting import with_channels
from nablagan.data.listing import Listing
from nablagan.data.pairing import with_masks, with_sources
from nablagan.data.policy import Request, free_request
from nablagan.data.rows import MASK, Opened, Part, Rows, open_rows
from nablagan.data.source import Progress, checked_limit, existing, open_dataset
from nablagan.types import InputError

Spec = str | os.PathLike[str]
Size = int | tuple[int, int] | None


def open_pairs(
    spec: Spec,
    paired: bool = True,
    resolution: Size = None,
    channels: int | None = None,
    source_channels: int | None = None,
    fit: str | None = None,
    cache: Spec | None = None,
    limit_bad: float = 0.01,
    progress: Progress | None = None,
    split: str = "train",
) -> Dataset:
    """The data set of sources and samples called `spec`, pairs or (`paired=False`) two domains of any counts.

    `spec` is one of
    - `builtin:glyphs`, `builtin:edges`, `builtin:avatars`, ... or `edges:SPEC`;
    - a folder or zip with the folders A and B (or trainA and trainB, by `split`; source and target), where the two
      pictures of a pair have equal names;
    - a folder or zip of images that are a source on the left and its sample on the right;
    - a .csv file with the columns source, target and perhaps mask, of paths relative to it.
    Of folders of several splits (train, val, test), above or below A and B, that of `split` is read.
    Both sides get one size and are cut alike, so that pairs stay aligned; a pair whose sides differ in size is bad.
    `resolution` may be any side from 8 to 2048. `channels` are the samples', `source_channels` the sources', by default
    those of the files; other counts than 1 and 3 need TIFF files and the extra `tiff`. Raises InputError.
    """
    request, directory = free_request(resolution, channels, fit), cache_directory(cache)
    checked_limit(limit_bad)
    if os.fspath(spec).startswith((builtin.PREFIX, edges.PREFIX)):
        dataset = open_dataset(spec, resolution, channels, fit, cache, limit_bad, progress)
        return _as_asked(dataset, paired, source_channels)
    asked = (Part("source", source_channels), Part("sample", channels))
    path = existing(os.fspath(spec))

    def opened(rows: Rows, parts: tuple[Part, ...], request: Request = request) -> Opened:
        return open_rows(rows, parts, request, directory, limit_bad, progress)

    if path.suffix.lower() == ".csv":
        return _table(path, asked, paired, opened)
    with _listed(path) as everything:
        files, names = layouts.of_split(everything, split), layouts.pair_folders(split)
        folders = layouts.found_folders(files, names)
        if folders is None:
            layouts.check_partner(files, names)
            every = [names_of_two for each in sorted(listing.SPLITS) for names_of_two in layouts.pair_folders(each)]
            layouts.check_elsewhere(files, every, names[0] if split == "train" else names[1])
        if folders is None and not paired:
            raise InputError(f"{path} has no folders A and B (or {split}A and {split}B); unpaired images lie in two")
        if folders is None:
            return _paired(opened(layouts.side_by_side_rows(files), asked))
        if paired:
            return _paired(opened(layouts.paired_rows(files, folders, limit_bad), asked))
        return _domains(files, folders, asked, opened)


def open_masked(
    spec: Spec,
    resolution: Size = None,
    channels: int | None = None,
    fit: str | None = None,
    cache: Spec | None = None,
    limit_bad: float = 0.01,
    progress: Progress | None = None,
    split: str = "train",
) -> Dataset:
    """The data set called `spec` for completion, with masks of its own where it brings them, else without.

    It brings masks as a folder or zip with the folders images and masks (of several splits that of `split`), where a
    mask has its image's name, perhaps followed by _mask, or as a .csv file with the columns image (or target) and mask.
    White is missing; a mask of another size than its image is bad. Masks are made smaller with their images, and a
    pixel is missing where more than half of it was. Of a .csv file without any column of masks the images are read;
    anything else is opened by `open_dataset`. Raises InputError.
    """
    request, directory = free_request(resolution, channels, fit), cache_directory(cache)
    checked_limit(limit_bad)
    parts = (MASK, Part("image", channels))
    if os.fspath(spec).startswith((builtin.PREFIX, edges.PREFIX)):
        return open_dataset(spec, resolution, channels, fit, cache, limit_bad, progress)
    path = existing(os.fspath(spec))
    if path.suffix.lower() == ".csv":
        if not any("mask" in name or "hole" in name for name in layouts.column_names(path)):
            rows = layouts.table_rows(path, (layouts.SAMPLE_COLUMNS,))
            alone = open_rows(rows, parts[1:], request, directory, limit_bad, progress)
            return _dataset(alone.parts[0], alone)
        rows = layouts.table_rows(path, (("mask",), layouts.SAMPLE_COLUMNS))
        return _masked(open_rows(rows, parts, request, directory, limit_bad, progress))
    if path.is_dir() or path.suffix.lower() == ".zip":
        with _listed(path) as everything:
            files = layouts.of_split(everything, split)
            folders = layouts.found_folders(files, layouts.MASK_FOLDERS)
            if folders is not None:
                rows = layouts.matched_rows(files, folders, suffix="_mask")
                rows = replace(rows, files=tuple((mask, image) for image, mask in rows.files))
                return _masked(open_rows(rows, parts, request, directory, limit_bad, progress))
            pairs = [(images, masks) for images, _ in layouts.MASK_FOLDERS for _, masks in layouts.MASK_FOLDERS]
            layouts.check_elsewhere(files, pairs, layouts.MASK_FOLDERS[0])
    return open_dataset(spec, resolution, channels, fit, cache, limit_bad, progress)


def reversed_pairs(dataset: Dataset) -> Dataset:
    """The other direction: what was the sample is the source. Masks stay; labels of unpaired sources are lost."""
    if dataset.sources is None:
        raise InputError(f"{dataset.name} has no sources; give pairs, such as builtin:glyphs")
    about = {"shape": list(dataset.sources.shape[1:]), "count": len(dataset.sources)}
    turned = replace(dataset if dataset.is_paired else _without_labels(dataset), samples=dataset.sources, sources=None)
    turned = replace(turned, description=turned.description | about)
    return with_sources(turned, dataset.samples, dataset.is_paired)


Opener = Callable[..., Opened]


@contextmanager
def _listed(path: Path) -> Iterator[Listing]:
    if not path.is_dir() and path.suffix.lower() != ".zip":
        raise InputError(f"{path} holds no pairs that can be read: give a folder or .zip of images, or a .csv file")
    with listing.listed_folder(path) if path.is_dir() else listing.listed_zip(path) as files:
        yield files


def _paired(opened: Opened) -> Dataset:
    sources, samples = opened.parts
    return with_sources(_dataset(samples, opened), sources)


def _masked(opened: Opened) -> Dataset:
    masks, samples = opened.parts
    return with_masks(_dataset(samples, opened), masks)


def _table(path: Path, asked: tuple[Part, ...], paired: bool, opened: Opener) -> Dataset:
    columns = (("source",), layouts.SAMPLE_COLUMNS)
    if not layouts.has_column(path, "mask"):
        return _as_asked(_paired(opened(layouts.table_rows(path, columns), asked)), paired, None)
    found = opened(layouts.table_rows(path, (("mask",), *columns)), (MASK, *asked))
    masks, sources, samples = found.parts
    return _as_asked(with_masks(with_sources(_dataset(samples, found), sources), masks), paired, None)


def _domains(files: Listing, folders: tuple[str, str], asked: tuple[Part, ...], opened: Opener) -> Dataset:
    """Samples first: the sources get their size."""
    found = opened(layouts.domain_rows(files, folders[1], folders), asked[1:])
    samples = _dataset(found.parts[0], found)
    request = Request((samples.shape[1], samples.shape[2]), None, found.about["policy"]["fit"])
    sources = opened(layouts.domain_rows(files, folders[0], folders), asked[:1], request)
    together = {"source_bad": sources.about["bad"], "source_converted": sources.about["converted"]}
    description = samples.description | {"source": files.source} | together
    return with_sources(replace(samples, description=description), sources.parts[0], is_paired=False)


def _dataset(samples: np.ndarray, opened: Opened) -> Dataset:
    about: dict[str, Any] = opened.about | {"shape": list(samples.shape[1:])}
    return Dataset(about["name"], samples, None, (), about["fingerprint"], about)


def _without_labels(dataset: Dataset) -> Dataset:
    return replace(
        dataset, labels=None, classes=(), description=dataset.description | {"classes": [], "class_counts": {}}
    )


def _as_asked(dataset: Dataset, paired: bool, source_channels: int | None) -> Dataset:
    """Pairs as a task wants them: their sources in grey or colour, as pairs or as two domains."""
    if dataset.sources is None:
        names = ", ".join(builtin.PREFIX + name for name in builtin.WITH_SOURCES)
        raise InputError(f"{dataset.name} has no sources to translate; there are {names}, and edges:SPEC")
    present, wanted = dataset.sources.shape[1], source_channels or dataset.sources.shape[1]
    if wanted != present and {wanted, present} != {1, 3}:
        raise InputError(f"source channels {wanted} cannot be made from {present}; leave them out to keep {present}")
    if wanted == present and paired == dataset.is_paired:
        return dataset
    return with_sources(dataset, with_channels(dataset.sources, wanted), paired)
