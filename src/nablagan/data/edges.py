"""Edge maps of images (Canny 1986, with scipy): drawings for a translation back to the images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from nablagan.data import cache as cache_files
from nablagan.data.dataset import Dataset
from nablagan.data.fitting import with_channels
from nablagan.data.hashing import blocks, hash_of_json
from nablagan.data.pairing import Progress, with_sources
from nablagan.types import InputError

PREFIX = "edges:"
SMOOTHING = 0.7
"""Standard deviation of the Gaussian before the gradient, in pixels."""
STRONG, WEAK = 0.3, 0.12
"""Of an image's largest gradient: where an edge begins, and what goes on with it."""
FAINTEST = 16.0
"""Gradient (Sobel, grey levels times 8) below which an image has no edges at all."""
_BLOCK_BYTES = 1 << 22
_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""(rows, columns) to the neighbour along a gradient that points right, down and right, down, down and left."""


def edge_pairs(dataset: Dataset, cache: Path, progress: Progress = None) -> Dataset:
    """The data set with the edge map of each image as its source; labels are kept.

    The maps are computed once for a fingerprint, and kept in the cache. Raises InputError for points.
    """
    if not dataset.is_images:
        raise InputError(f"{dataset.name} holds points, which have no edges; give images")
    key = hash_of_json(["edges 1", dataset.fingerprint, SMOOTHING, STRONG, WEAK, FAINTEST])
    rows = (1, *dataset.shape[1:])
    maps = cache_files.stored_samples(cache, key, rows, _maps(dataset.samples, progress))
    return with_sources(dataset, maps)


def edge_maps(images: np.ndarray) -> np.ndarray:
    """uint8 (n, 1, h, w) of images uint8 (n, C, h, w): 255 on edges one pixel wide (Canny 1986), else 0.

    The thresholds are parts of each image's largest gradient, so contrast makes no difference. Of two equal
    neighbours across an edge the first one counts.

    >>> square = np.zeros((1, 1, 8, 8), np.uint8)
    >>> square[..., 2:6, 2:6] = 200
    >>> int((edge_maps(square) > 0).sum())
    12
    """
    grey = with_channels(images, 1)[:, 0] if images.shape[1] in (1, 3) else images.mean(axis=1)
    smooth = ndimage.gaussian_filter(grey.astype(np.float32), (0, SMOOTHING, SMOOTHING), mode="nearest")
    down, across = (_gradient(smooth, axis) for axis in (1, 2))
    strength = np.hypot(down, across)
    strength *= _is_ridge(strength, down, across)
    largest = np.maximum(strength.max(axis=(1, 2), keepdims=True), FAINTEST)
    return (_connected(strength > WEAK * largest, strength > STRONG * largest) * np.uint8(255))[:, None]


def _maps(samples: np.ndarray, progress: Progress) -> Iterator[np.ndarray]:
    for start, stop in blocks(samples, _BLOCK_BYTES):
        yield edge_maps(samples[start:stop])
        if progress:
            progress(stop, len(samples), "edges")


def _gradient(images: np.ndarray, axis: int) -> np.ndarray:
    """Sobel's derivative along one axis of each image, without mixing images."""
    return ndimage.correlate1d(
        ndimage.correlate1d(images, [-1, 0, 1], axis, mode="nearest"), [1, 2, 1], 3 - axis, mode="nearest"
    )


def _is_ridge(strength: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Where the strength is no less than that of both neighbours along the gradient."""
    sector = np.rint(np.arctan2(down, across) / (np.pi / 4)).astype(np.int8) % 4
    padded = np.pad(strength, ((0, 0), (1, 1), (1, 1)))
    height, width = strength.shape[1:]
    result = np.zeros(strength.shape, bool)
    for index, (rows, columns) in enumerate(_NEIGHBOURS):
        ahead = padded[:, 1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]
        behind = padded[:, 1 - rows : 1 - rows + height, 1 - columns : 1 - columns + width]
        result |= (sector == index) & (strength >= ahead) & (strength > behind)
    return result


def _connected(weak: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """The weak pixels that touch a strong one through weak ones, corners included, within one image."""
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = True
    pieces = np.empty(weak.shape, np.int32)
    count = int(ndimage.label(weak, structure, output=pieces))  # type: ignore[arg-type]
    kept = np.zeros(count + 1, bool)
    kept[pieces[strong & weak]] = True
    return kept[pieces]
