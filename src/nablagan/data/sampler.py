"""Batches that depend only on (seed, position, index in the global batch): nothing random needs saving."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nablagan.data.augment import DRAWS
from nablagan.data.dataset import Dataset, to_tensor
from nablagan.types import Batch, InputError

STREAMS = {
    "order": 0,
    "latent": 1,
    "augmentation": 2,
    "pictures": 3,
    "weights": 4,
    "layers": 5,
    "holdout": 6,
    "exam": 7,
    "evaluation": 8,
    "noise": 9,
}


def seeded(seed: int, stream: str, counter: int = 0) -> torch.Generator:
    """A CPU generator for one stream of draws at one counter value, independent of all others."""
    words = np.random.SeedSequence([seed, STREAMS[stream], counter]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


class Sampler:
    """Batches of real samples, latents, labels and augmentation draws for one process of `processes`.

    The global batch is drawn on every process and sliced by rank, so one process and several see the same samples.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        latent_size: int,
        seed: int,
        conditional: bool = False,
        rank: int = 0,
        processes: int = 1,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        holdout: int = 0,
    ) -> None:
        """`batch_size` is global and a multiple of `processes`; `holdout` samples are never drawn."""
        assert batch_size % processes == 0, (batch_size, processes)
        self.dataset, self.batch_size, self.latent_size, self.seed = dataset, batch_size, latent_size, seed
        self.conditional, self.device, self.dtype = conditional, device, dtype
        self.members = members(len(dataset), seed, holdout)
        share = batch_size // processes
        self.mine = slice(rank * share, (rank + 1) * share)

    def batch(self, images_seen: int, position: int | None = None) -> Batch:
        """The batch after `images_seen` images; `position` in the stream of draws differs from it after a rollback."""
        position = images_seen if position is None else position
        index = self._order(position)[self.mine]
        latent = torch.randn(self.batch_size, self.latent_size, generator=seeded(self.seed, "latent", position))
        draws = torch.rand(self.batch_size, DRAWS, generator=seeded(self.seed, "augmentation", position))
        return Batch(
            real=self.real(index),
            latent=latent[self.mine].to(self.device, self.dtype),
            label=self.labels(index),
            augmentation=draws[self.mine].to(self.device, self.dtype),
            images_seen=images_seen,
        )

    def real(self, index: np.ndarray) -> Tensor:
        """Real samples (len(index), *shape) as a batch holds them."""
        return to_tensor(self.dataset.samples[index]).to(self.device, self.dtype)

    def labels(self, index: np.ndarray) -> Tensor | None:
        """Their classes (len(index),), if the run uses them."""
        if not self.conditional or self.dataset.labels is None:
            return None
        return torch.from_numpy(self.dataset.labels[index]).to(self.device)

    def _order(self, position: int) -> np.ndarray:
        """Indices of the global batch: every epoch is a fresh permutation of the samples that are not held out."""
        positions = np.arange(position, position + self.batch_size)
        epochs, places = np.divmod(positions, len(self.members))
        index = np.empty_like(positions)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            index[chosen] = permutation(len(self.members), self.seed, int(epoch))[places[chosen]]
        return self.members[index]


def heldout(count: int, seed: int, holdout: int) -> np.ndarray:
    """Indices of the `holdout` samples of `count` that the run of this seed never trains on, in ascending order.

    Fewer of them are a random part of more.
    """
    return np.sort(torch.randperm(count, generator=seeded(seed, "holdout")).numpy()[:holdout])


def members(count: int, seed: int, holdout: int) -> np.ndarray:
    """Indices of all the others, in ascending order. Raises InputError if none is left."""
    if holdout >= count:
        raise InputError(f"holdout is {holdout} of {count} samples: leave some to train on")
    return np.delete(np.arange(count), heldout(count, seed, holdout) if holdout else [])


@lru_cache(maxsize=4)
def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of one epoch, (count,)."""
    return torch.randperm(count, generator=seeded(seed, "order", epoch)).numpy()
