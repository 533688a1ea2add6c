"""What turns images into features: the interface of every extractor, and features of many images in batches."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablagan.types import InputError

Progress = Callable[[int, int, str], None]
"""(done, total, what), called from the calling thread after each batch."""


@dataclass(frozen=True)
class Extractor:
    """A frozen network that gives each image a vector, and the protocol that makes two values comparable."""

    name: str
    features: Callable[[Tensor], Tensor]
    """uint8 images (n, C, H, W), C 1 or 3, any size -> float32 (n, d) on the images' device; nothing random."""
    protocol: dict[str, Any]
    """Plain JSON: resize, side, values, layer, dimensions, weights_sha256, source."""
    probabilities: Callable[[Tensor], Tensor] | None = None
    """The same images -> (n, classes), each row summing to 1; for inception score and mode counting."""
    standardised: bool = False
    """Whether metrics are taken on features divided by the real features' standard deviation (`deviation`)."""


def features_of(
    extractor: Extractor,
    images: np.ndarray,
    batch_size: int = 250,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> np.ndarray:
    """float32 (N, d): the extractor's features of uint8 images (N, C, H, W), maybe memory-mapped.

    Each image's features are its own: another batch size changes them by rounding only. InputError for arrays that
    are not images, and where the network gives something that is not finite.
    """
    return _rows(extractor.features, extractor.name, images, batch_size, device, progress)


def probabilities_of(
    extractor: Extractor,
    images: np.ndarray,
    batch_size: int = 250,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> np.ndarray:
    """float32 (N, classes): the extractor's class probabilities of images as in `features_of`."""
    if extractor.probabilities is None:
        raise InputError(f"extractor {extractor.name} has no classes; digits and fid_inception have")
    return _rows(extractor.probabilities, extractor.name, images, batch_size, device, progress)


def deviation(real: np.ndarray) -> float:
    """Standard deviation of all entries of a real set's features (n, d), by which both sides are divided.

    One number, not one a dimension: networks have features that a few images in thousands rouse, and divided by such a
    tiny deviation they decide everything (docs/metrics.md has figures). Distances scale with it: compare values of
    equal real sets only. InputError where all features are the same.

    >>> deviation(np.array([[0.0, 3.0], [3.0, 0.0], [1.5, 1.5]])) ** 2
    1.8
    """
    if real.ndim != 2 or real.size < 2:
        raise InputError(f"features of shape {real.shape} have no standard deviation; give (n, d)")
    spread = float(real.std(ddof=1, dtype=np.float64))
    if not np.isfinite(spread) or spread == 0:
        raise InputError(f"the features of {len(real)} real images deviate by {spread}; give images that differ")
    return spread


def exactly() -> AbstractContextManager[Any]:
    """Convolutions in full float32 by deterministic algorithms, on any device (cuDNN rounds to TF32 otherwise)."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _rows(
    function: Callable[[Tensor], Tensor],
    name: str,
    images: np.ndarray,
    batch_size: int,
    device: str | torch.device,
    progress: Progress | None,
) -> np.ndarray:
    _check(images, batch_size)
    parts = []
    for start in range(0, len(images), batch_size):
        part = torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
        with torch.inference_mode(), exactly():
            parts.append(function(part).float().cpu().numpy())
        if not np.isfinite(parts[-1]).all():
            raise InputError(
                f"extractor {name} gives NaN or infinity for images {start} and after; are its weights whole?"
            )
        if progress is not None:
            progress(min(start + batch_size, len(images)), len(images), "features")
    return np.concatenate(parts)


def _check(images: np.ndarray, batch_size: int) -> None:
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[1] not in (1, 3):
        raise InputError(f"images are uint8 (N, 1 or 3, height, width), not {images.dtype} {images.shape}")
    if not len(images):
        raise InputError("there are no images to take features of; give at least one")
    if batch_size < 1:
        raise InputError(f"batch_size {batch_size} is not possible; give 1 or more")
