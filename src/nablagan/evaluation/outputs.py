"""What a translator or completer makes of many held-out images, in batches, as the pixels that are judged."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nablagan.data import to_tensor, to_uint8
from nablagan.data.sampler import seeded
from nablagan.evaluation.samples import Progress, silent
from nablagan.tasks.completion import with_hole
from nablagan.types import InputError

Network = Callable[[Tensor, Tensor | None], Tensor]
"""(sources (batch, Cs, h, w), latents (batch, latent_size) or None) -> images (batch, C, h, w), without a graph."""


def translated_images(
    net: Network,
    sources: np.ndarray,
    latent_size: int = 0,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress = silent,
) -> np.ndarray:
    """uint8 (n, C, h, w): the net's images of sources uint8 (n, Cs, h, w); latents are drawn from the seed."""
    return _made(net, len(sources), lambda rows: to_tensor(sources[rows]), latent_size, seed, batch_size, progress)


def completed_images(
    net: Network,
    images: np.ndarray,
    masks: np.ndarray,
    latent_size: int = 0,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress = silent,
) -> np.ndarray:
    """uint8 (n, C, h, w): images with the hole painted by the net, and known pixels the given bits.

    images uint8 (n, C, h, w); masks (n, 1, h, w), not 0 where pixels are missing. Raises InputError for other masks.
    """
    if masks.shape != (len(images), 1, *images.shape[2:]):
        raise InputError(f"masks of shape {masks.shape} for images of {images.shape}; give one for each image")

    def given(rows: slice) -> Tensor:
        return with_hole(to_tensor(images[rows]), torch.from_numpy(np.array(masks[rows] != 0, np.float32)))

    painted = _made(net, len(images), given, latent_size, seed, batch_size, progress)
    return np.where(masks != 0, painted, images)


def _made(
    net: Network,
    count: int,
    given: Callable[[slice], Tensor],
    latent_size: int,
    seed: int,
    batch_size: int,
    progress: Progress,
) -> np.ndarray:
    latents = torch.randn(count, latent_size, generator=seeded(seed, "evaluation")) if latent_size else None
    parts = []
    for start in range(0, count, batch_size):
        rows = slice(start, min(start + batch_size, count))
        with torch.inference_mode():
            made = net(given(rows), None if latents is None else latents[rows])
        parts.append(to_uint8(made.float().cpu()))
        progress(rows.stop, count, "outputs")
    return np.concatenate(parts)
