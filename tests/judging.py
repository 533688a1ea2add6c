"""A judge for tests: an extractor that needs no weights, and samples that it sees."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nablagan.evaluation.judges import ImageJudge
from nablagan.evaluation.samples import Samples
from nablagan.metrics.features import Extractor


def pixel_features(images: Tensor) -> Tensor:
    """Five fixed sums of an image's pixels."""
    flat = images.flatten(1).float() / 255
    return flat @ torch.randn(flat.shape[1], 5, generator=torch.Generator().manual_seed(0))


def brightness_classes(images: Tensor) -> Tensor:
    """Two classes: dark and light."""
    light = images.flatten(1).float().mean(1) / 255
    return torch.stack([1 - light, light], dim=1)


def judge(cache: Path, standardised: bool = True, classes: bool = False, side: int = 8) -> ImageJudge:
    """Sees five sums of the pixels."""
    probabilities = brightness_classes if classes else None
    extractor = Extractor("sums", pixel_features, {"side": side, "dimensions": 5}, probabilities, standardised)
    return ImageJudge(extractor, "cpu", cache)


def random_samples(seed: int, count: int, low: int = 0, high: int = 256) -> Samples:
    """Uniform 8x8 grey images."""
    rows = np.random.default_rng(seed).integers(low, high, (count, 1, 8, 8), np.uint8)
    description = {"name": f"random-{seed}", "count": count, "shape": [1, 8, 8], "fingerprint": str(seed), "classes": 2}
    return Samples(rows, f"{seed}-{count}-{low}-{high}", description)
