"""What a data set holds, before hours are spent on it: numbers, warnings and one picture."""

import hashlib
import math
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

from nablagan.data.dataset import Dataset
from nablagan.data.fitting import fit_block, with_channels
from nablagan.data.hashing import blocks
from nablagan.data.pictures import picture_grid, scatter_picture
from nablagan.data.policy import Policy

NEAR_CONSTANT_DEVIATION = 2.0
"""Standard deviation, of 255 grey levels, up to which an image counts as empty."""
FEW_SAMPLES = 1000
SHEET_CLASSES = 20
LARGEST_SHEET_SIDE = 128


def audit(dataset: Dataset) -> dict[str, Any]:
    """Plain JSON: the description, exact duplicates, near-constant images, mean and deviation, and warnings.

    `mean` and `standard_deviation` are per channel, images in [-1, 1]. Reads every sample once, in pieces.
    """
    report = dict(dataset.description)
    report["duplicates"] = _duplicates(dataset)
    report["mean"], report["standard_deviation"] = _moments(dataset)
    if dataset.sources is not None:
        report["source_near_constant"] = _near_constant(dataset.sources)
    if dataset.is_images:
        report["near_constant"] = _near_constant(dataset.samples)
    report["warnings"] = _warnings(report)
    return report


def contact_sheet(dataset: Dataset, columns: int = 12, rows: int = 8) -> Image.Image:
    """One picture of samples from all over the data set: a titled row a class (20 at most), or points.

    A source stands to the left of its sample; sources that are no pairs come in rows of their own. Of a data set with
    masks the missing part is grey.
    """
    if not dataset.is_images:
        return scatter_picture(dataset.samples[_spread(len(dataset), 5000)])
    if dataset.sources is not None and not dataset.is_paired:
        return _sheet_of_domains(dataset.sources, dataset.samples, columns, rows)
    if dataset.labels is None:
        chosen = _spread(len(dataset), columns * rows)
        return picture_grid(_small(_shown(dataset, chosen)), columns)
    shown = [np.flatnonzero(dataset.labels == index) for index in range(min(len(dataset.classes), SHEET_CLASSES))]
    cells = np.full((len(shown), columns, *_shown(dataset, shown[0][:1]).shape[1:]), 255, np.uint8)
    for row, members in enumerate(shown):
        chosen = members[_spread(len(members), columns)]
        cells[row, : len(chosen)] = _shown(dataset, chosen)
    titles = dataset.classes[: len(shown)]
    return picture_grid(_small(cells.reshape(-1, *cells.shape[2:])), columns, titles)


def _shown(dataset: Dataset, chosen: np.ndarray) -> np.ndarray:
    """uint8 (n, C, H, W) of samples for people: their sources left of them, their masks over them."""
    pictures = [dataset.samples[chosen]]
    if dataset.sources is not None:
        pictures.insert(0, dataset.sources[chosen])
    if dataset.masks is not None:
        masks = dataset.masks[chosen if len(dataset.masks) == len(dataset) else chosen % len(dataset.masks)]
        pictures.append(np.where(masks > 127, np.uint8(128), dataset.samples[chosen]))
    if len(pictures) == 1:
        return pictures[0]
    colours = 3 if max(map(_shown_channels, pictures)) == 3 else 1
    return np.concatenate([with_channels(one[:, : _shown_channels(one)], colours) for one in pictures], axis=3)


def _shown_channels(images: np.ndarray) -> int:
    return 3 if images.shape[1] >= 3 else 1


def _sheet_of_domains(sources: np.ndarray, samples: np.ndarray, columns: int, rows: int) -> Image.Image:
    """Half of the rows are sources, the others samples, brought to one size."""
    count = columns * max(1, rows // 2)
    chosen = [images[_spread(len(images), count)] for images in (sources, samples)]
    colours = 3 if max(map(_shown_channels, chosen)) == 3 else 1
    size = Policy(samples.shape[2], samples.shape[3], colours, "pad", "contact sheet")
    cells, titles = [], []
    for title, images in zip(("source", "sample"), chosen, strict=True):
        missing = -len(images) % columns
        fitted = fit_block(images[:, : _shown_channels(images)], size)
        cells += [fitted, np.full((missing, *fitted.shape[1:]), 255, np.uint8)]
        titles += [title] * ((len(images) + missing) // columns)
    return picture_grid(_small(np.concatenate(cells)), columns, titles)


def _duplicates(dataset: Dataset) -> dict[str, Any]:
    """Exact copies, by hash: how many beyond the first, a few pairs, and how many differ in label."""
    first: dict[bytes, int] = {}
    pairs: list[list[int]] = []
    for start, stop in blocks(dataset.samples):
        for index, sample in enumerate(np.ascontiguousarray(dataset.samples[start:stop]), start):
            original = first.setdefault(hashlib.sha256(sample.data).digest(), index)
            if original != index:
                pairs.append([original, index])
    labels = dataset.labels
    differing = 0 if labels is None else sum(labels[one] != labels[other] for one, other in pairs)
    return {"count": len(pairs), "with_another_label": int(differing), "examples": pairs[:10]}


def _near_constant(samples: np.ndarray) -> dict[str, Any]:
    found: list[int] = []
    for start, stop in blocks(samples):
        deviation = samples[start:stop].reshape(stop - start, -1).std(axis=1, dtype=np.float32)
        found += (start + np.flatnonzero(deviation <= NEAR_CONSTANT_DEVIATION)).tolist()
    return {"count": len(found), "examples": found[:10]}


def _moments(dataset: Dataset) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, in the players' units; exact integer sums for images."""
    axes = (0, 2, 3) if dataset.is_images else (0,)
    kind = np.uint64 if dataset.is_images else np.float64
    total, square, count = np.zeros(dataset.shape[0]), np.zeros(dataset.shape[0]), 0
    for start, stop in blocks(dataset.samples):
        block = dataset.samples[start:stop]
        wide = block.astype(np.uint32 if dataset.is_images else np.float64)
        total += wide.sum(axis=axes, dtype=kind)
        square += (wide * wide).sum(axis=axes, dtype=kind)
        count += block.size // block.shape[1]
    mean = total / count
    deviation = np.sqrt(np.maximum(square / count - mean**2, 0))
    if dataset.is_images:
        mean, deviation = mean / 127.5 - 1, deviation / 127.5
    return [round(float(v), 6) for v in mean], [round(float(v), 6) for v in deviation]


def _warnings(report: dict[str, Any]) -> list[str]:
    """What a careful person would look at before training."""
    found = []
    if report["count"] < FEW_SAMPLES:
        found.append(f"only {report['count']} samples: expect the discriminator to learn them by heart")
    if report["duplicates"]["count"]:
        found.append(f"{report['duplicates']['count']} exact copies of other samples")
    if report["duplicates"]["with_another_label"]:
        found.append(f"{report['duplicates']['with_another_label']} copies carry another label")
    if report.get("near_constant", {}).get("count"):
        found.append(f"{report['near_constant']['count']} images are of nearly one shade")
    if report.get("source_near_constant", {}).get("count"):
        found.append(f"{report['source_near_constant']['count']} sources are of nearly one shade")
    if report["bad_count"]:
        found.append(f"{report['bad_count']} files could not be used")
    enlarged = Counter(report["converted"])["enlarged"]
    if enlarged:
        found.append(f"{enlarged} images were smaller than the resolution and were enlarged")
    counts = report["class_counts"]
    if counts and min(counts.values()) * 10 < max(counts.values()):
        least = min(counts, key=lambda name: counts[name])
        found.append(f"classes differ more than tenfold in size; the smallest is {least}: {counts[least]}")
    return found


def _spread(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` indices, evenly over 0 ... count - 1."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))


def _small(images: np.ndarray) -> np.ndarray:
    height, width = images.shape[2:]
    scale = min(1.0, LARGEST_SHEET_SIDE / max(height, width))
    size = (math.ceil(height * scale), math.ceil(width * scale))
    return fit_block(images, Policy(*size, images.shape[1], "stretch", "contact sheet"))
