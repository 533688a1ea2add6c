"""The record that everything above reads: samples, labels and what is known about where they came from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Samples in memory (or memory-mapped) with their labels and a plain-JSON account of their origin."""

    name: str
    samples: np.ndarray
    """uint8 (N, C, H, W) images, maybe memory-mapped and read-only, or float32 (N, 2) points."""
    labels: np.ndarray | None
    """int64 (N,), each in 0 ... len(classes) - 1."""
    classes: tuple[str, ...]
    """One name a class; empty without labels."""
    fingerprint: str
    """sha256 (hex) of the content and the policy: equal fingerprints mean equal samples in equal order."""
    description: dict[str, Any]
    """Plain JSON: source, policy, counts, conversions, bad files by reason."""
    sources: np.ndarray | None = None
    """uint8 (M, Cs, h, w): what a generator translates; of pairs, row i belongs to sample i."""
    is_paired: bool = True
    """False when the sources are a domain of their own, of any count and in any order."""
    masks: np.ndarray | None = None
    """uint8 (K, 1, h, w): 255 where pixels are missing, else 0; row i belongs to sample i when K is N."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (channels, height, width) or (2,)."""
        return tuple(self.samples.shape[1:])

    @property
    def is_images(self) -> bool:
        """True for uint8 images, False for points."""
        return self.samples.ndim == 4


def to_tensor(samples: np.ndarray) -> Tensor:
    """float32 copy of samples for the players: uint8 images scaled to [-1, 1], float points as they are."""
    values = torch.from_numpy(np.array(samples, dtype=np.float32))
    return values.div_(127.5).sub_(1.0) if samples.dtype == np.uint8 else values
