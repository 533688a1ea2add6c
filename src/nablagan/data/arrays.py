"""Samples that come as one array: brought to uint8 (N, C, H, W), to the policy's size, and described."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nablagan.data import cache as cache_files
from nablagan.data.dataset import Dataset
from nablagan.data.fitting import PIXELS_VERSION, fit_block
from nablagan.data.hashing import blocks, hash_of_array, hash_of_json
from nablagan.data.memory import fits_in_memory
from nablagan.data.policy import LARGEST_CHANNEL_COUNT, Policy, Request, policy_for_array
from nablagan.types import InputError

MINIMUM_COUNT = 8
BLOCK_BYTES = 1 << 26


def _unchanged(block: np.ndarray) -> np.ndarray:
    return block


@dataclass(frozen=True)
class ArraySource:
    """An array as found. `to_images` turns a block of rows into uint8 (n, C, H, W)."""

    name: str
    source: str
    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    notes: dict[str, Any] = field(default_factory=dict)
    to_images: Callable[[np.ndarray], np.ndarray] = _unchanged


def open_arrays(source: ArraySource, request: Request, cache: Path) -> Dataset:
    """Images of one array, in memory; when larger than a quarter of it, memory-mapped from the cache."""
    check_count(len(source.images), source.source)
    _, channels, height, width = source.to_images(source.images[:1]).shape
    _check_shape(source, channels, height, width)
    policy = policy_for_array(request, channels, height, width)
    content = hash_of_json([hash_of_array(source.images), _labels_hash(source.labels), source.classes])
    fingerprint = hash_of_json([content, *_policy_identity(policy)])
    description = _description(source, content, fingerprint) | {
        "kind": "images",
        "shape": [policy.channels, policy.height, policy.width],
        "policy": policy.as_json(),
        "sizes": {f"{height}x{width}": len(source.images)},
    }
    samples = _samples(source, policy, fingerprint, cache)
    return Dataset(source.name, samples, source.labels, source.classes, fingerprint, description)


def open_points(source: ArraySource, request: Request) -> Dataset:
    """Points in the plane, float32 (N, 2); InputError when a picture's policy is asked of them."""
    asked = [name for name, value in zip(("resolution", "channels", "fit"), request, strict=True) if value]
    if asked:
        raise InputError(f"{source.source} holds points, which have no {asked[0]}; leave --{asked[0]} out")
    check_count(len(source.images), source.source)
    content = hash_of_json([hash_of_array(source.images), _labels_hash(source.labels), source.classes])
    description = _description(source, content, content) | {"kind": "points", "shape": [2], "policy": None}
    return Dataset(source.name, source.images, source.labels, source.classes, content, description)


def check_count(count: int, source: str) -> None:
    """InputError for fewer samples than a batch has any use for."""
    if count < MINIMUM_COUNT:
        found = "1 usable sample" if count == 1 else f"{count} usable samples"
        raise InputError(f"{source} holds {found}; at least {MINIMUM_COUNT} are needed, better thousands")


def class_counts(labels: np.ndarray | None, classes: tuple[str, ...]) -> dict[str, int]:
    """Samples of each class by name; empty without labels."""
    if labels is None:
        return {}
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))


def _description(source: ArraySource, content: str, fingerprint: str) -> dict[str, Any]:
    return {
        "name": source.name,
        "source": source.source,
        "count": len(source.images),
        "classes": list(source.classes),
        "class_counts": class_counts(source.labels, source.classes),
        "content": content,
        "fingerprint": fingerprint,
        "converted": {},
        "bad": {},
        "bad_count": 0,
        "ignored": {},
        **source.notes,
    }


def _samples(source: ArraySource, policy: Policy, fingerprint: str, cache: Path) -> np.ndarray:
    row_shape = (policy.channels, policy.height, policy.width)
    size_bytes = len(source.images) * int(np.prod(row_shape))
    fitted = _fitted(source, policy)
    if not fits_in_memory(size_bytes):
        return cache_files.stored_samples(cache, hash_of_json([fingerprint, PIXELS_VERSION]), row_shape, fitted)
    samples = np.empty((len(source.images), *row_shape), np.uint8)
    start = 0
    for block in fitted:
        samples[start : start + len(block)] = block
        start += len(block)
    return samples


def _fitted(source: ArraySource, policy: Policy) -> Iterator[np.ndarray]:
    for start, stop in blocks(source.images, BLOCK_BYTES):
        yield fit_block(source.to_images(source.images[start:stop]), policy)


def _check_shape(source: ArraySource, channels: int, height: int, width: int) -> None:
    if channels > LARGEST_CHANNEL_COUNT or min(height, width) < 1:
        raise InputError(
            f"{source.source} has shape {source.images.shape}; images are (N, H, W), (N, H, W, C) or "
            f"(N, C, H, W) with at most {LARGEST_CHANNEL_COUNT} channels"
        )


def _labels_hash(labels: np.ndarray | None) -> str:
    return "" if labels is None else hash_of_array(labels)


def _policy_identity(policy: Policy) -> tuple[int, int, int, str]:
    return policy.height, policy.width, policy.channels, policy.fit
