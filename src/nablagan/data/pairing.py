"""Sources joined to a data set: what a generator starts from, row by row or as a domain of its own; and masks."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nablagan.data import cache as cache_files
from nablagan.data.arrays import ArraySource, open_arrays
from nablagan.data.dataset import Dataset
from nablagan.data.hashing import hash_of_array, hash_of_json
from nablagan.data.policy import Request
from nablagan.types import InputError

Progress = Callable[[int, int, str], None] | None


class Drawing(NamedTuple):
    """Pairs that are still to be drawn."""

    identity: Any
    """Plain JSON that tells all they depend on."""
    row_shape: tuple[int, ...]
    """(2 C, height, width): the source's channels before the sample's."""
    blocks: Iterable[np.ndarray]
    """uint8 (n, *row_shape), drawn when they are asked for."""


def with_sources(dataset: Dataset, sources: np.ndarray, is_paired: bool = True) -> Dataset:
    """The data set with sources uint8 (M, Cs, h, w) beside its samples; the fingerprint then covers both.

    Raises InputError when paired sources are not as many as the samples, or not of their height and width.
    """
    if is_paired and (len(sources) != len(dataset) or sources.shape[2:] != dataset.shape[1:]):
        raise InputError(
            f"{dataset.name} has {len(dataset)} samples of {_size(dataset.samples)} and {len(sources)} sources of "
            f"{_size(sources)}; pairs need one source of the same size for each sample"
        )
    joined = {
        "is_paired": is_paired,
        "source_count": len(sources),
        "source_shape": list(sources.shape[1:]),
        "source_content": hash_of_array(sources),
    }
    return _described(replace(dataset, sources=sources, is_paired=is_paired), joined)


def with_masks(dataset: Dataset, masks: np.ndarray) -> Dataset:
    """The data set with masks uint8 (K, 1, h, w), 255 where pixels are missing; the fingerprint covers them."""
    if masks.shape[2:] != dataset.shape[1:]:
        raise InputError(f"{dataset.name} has masks of {_size(masks)} for samples of {_size(dataset.samples)}")
    joined = {"mask_count": len(masks), "mask_content": hash_of_array(masks)}
    return _described(replace(dataset, masks=masks), joined)


def open_drawn(
    describe: Callable[[np.ndarray], ArraySource], drawing: Drawing, request: Request, cache: Path
) -> Dataset:
    """Pairs that take a while to draw: from the cache if they are there, else drawn and kept in it.

    `describe` turns the images of one side into what is told about them. Both sides get the same policy; unless another
    fit is asked for, a drawing keeps its size and gets a border.
    """
    key = hash_of_json(["drawn", drawing.identity])
    drawn = cache_files.stored_samples(cache, key, drawing.row_shape, drawing.blocks)
    request = request if request.fit else request._replace(fit="border")
    channels = drawing.row_shape[0] // 2
    sources, samples = (
        open_arrays(describe(side), request, cache) for side in (drawn[:, :channels], drawn[:, channels:])
    )
    return with_sources(samples, sources.samples)


def in_blocks(
    draw: Callable[[Any], np.ndarray], items: list[Any], progress: Progress, size: int = 64
) -> Iterable[np.ndarray]:
    """Rows that `draw` gives for each item, `size` at a time, telling how far it is."""
    for start in range(0, len(items), size):
        rows = np.stack([draw(item) for item in items[start : start + size]])
        if progress:
            progress(start + len(rows), len(items), "drawing")
        yield rows


def _described(dataset: Dataset, joined: dict[str, Any]) -> Dataset:
    fingerprint = hash_of_json([dataset.fingerprint, joined])
    return replace(
        dataset, fingerprint=fingerprint, description=dataset.description | joined | {"fingerprint": fingerprint}
    )


def _size(images: np.ndarray) -> str:
    return "x".join(map(str, images.shape[2:]))
