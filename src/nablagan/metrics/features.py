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
    """Whether metrics are taken on features divided by the real features' standard deviations (`deviations`)."""


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


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of a real set's features, by which both sides of a comparison are divided."""

    values: np.ndarray
    """float64 (d,), n - 1 in the denominator; 0 where the real set is constant."""

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, d - dropped): features over the deviations, without the dimensions that are constant."""
        if features.ndim != 2 or features.shape[1] != len(self.values):
            raise InputError(f"features of shape {features.shape} are divided by {len(self.values)} deviations")
        kept = self.values > 0
        return (features[:, kept] / self.values[kept]).astype(np.float32)

    @property
    def dropped(self) -> int:
        """How many dimensions are constant on the real set; a record of a metric tells it."""
        return int((self.values == 0).sum())


def deviations(real: np.ndarray) -> Deviations:
    """Standard deviation of each feature over the real set (n, d), n at least 2.

    A dimension that is constant on the real set has no scale of its own and is dropped on both sides, which
    `Deviations.dropped` tells. Real sets of less than a few hundred images leave rare features a deviation that is
    too small, and these then dominate: compare values of equal real sets only.

    >>> divide = deviations(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]))
    >>> divide.dropped, divide(np.array([[5.0, 9.0]])).tolist()
    (1, [[2.5]])
    """
    if real.ndim != 2 or len(real) < 2:
        raise InputError(f"features of shape {real.shape} have no standard deviation; give (n, d) with n at least 2")
    spread = real.astype(np.float64).std(axis=0, ddof=1)
    if not spread.any():
        raise InputError(f"all {len(real)} real images have the same features; give images that differ")
    return Deviations(np.where(np.ptp(real, axis=0) > 0, spread, 0.0))


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
