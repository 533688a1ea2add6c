"""Batches that depend only on (seed, position, index in the global batch): nothing random needs saving."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nablagan.data.augment import DRAWS
from nablagan.data.dataset import Dataset, to_tensor
from nablagan.data.paired_augment import PAIRED_DRAWS, paired_augment
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
    "source": 10,
    "mask": 11,
    "pairs": 12,
}

MaskMaker = Callable[[np.random.Generator, int, int], np.ndarray]
"""(random, height, width) -> (height, width) booleans, true where a pixel is missing."""


def seeded(seed: int, stream: str, counter: int = 0) -> torch.Generator:
    """A CPU generator for one stream of draws at one counter value, independent of all others."""
    words = np.random.SeedSequence([seed, STREAMS[stream], counter]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


class Sampler:
    """Batches of real samples, latents, labels, sources, masks and draws for one process of `processes`.

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
        masks: MaskMaker | None = None,
        pair_augmentations: Sequence[str] = (),
    ) -> None:
        """`batch_size` is global and a multiple of `processes`; `holdout` samples are never drawn.

        `masks`, for completion, draws the hole of a sample; where the data have masks of their own, these are used.
        `pair_augmentations` move what `batch` gives (`data.paired_augment`), a sample and what belongs to it alike.
        """
        assert batch_size % processes == 0, (batch_size, processes)
        self.dataset, self.batch_size, self.latent_size, self.seed = dataset, batch_size, latent_size, seed
        self.conditional, self.device, self.dtype, self.masks = conditional, device, dtype, masks
        self.pair_augmentations = tuple(pair_augmentations)
        self.members = members(len(dataset), seed, holdout)
        self.source_members = self.members
        if dataset.sources is not None and not dataset.is_paired:
            self.source_members = members(len(dataset.sources), seed, min(holdout, len(dataset.sources) // 2))
        share = batch_size // processes
        self.mine = slice(rank * share, (rank + 1) * share)

    def batch(self, images_seen: int, position: int | None = None) -> Batch:
        """The batch after `images_seen` images; `position` in the stream of draws differs from it after a rollback."""
        position = images_seen if position is None else position
        places = np.arange(position, position + self.batch_size)
        index = self._order(position)[self.mine]
        latent = torch.randn(self.batch_size, max(self.latent_size, 1), generator=seeded(self.seed, "latent", position))
        draws = torch.rand(self.batch_size, DRAWS, generator=seeded(self.seed, "augmentation", position))
        batch = self.of_samples(index, places[self.mine])
        if self.dataset.sources is not None and not self.dataset.is_paired:
            batch = batch._replace(
                source=self.sources(self._shuffled(places, self.source_members, "source")[self.mine])
            )
        if self.pair_augmentations:
            batch = self._moved(batch, position)
        return batch._replace(
            latent=latent[self.mine].to(self.device, self.dtype),
            augmentation=draws[self.mine].to(self.device, self.dtype),
            images_seen=images_seen,
        )

    def of_samples(self, index: np.ndarray, places: np.ndarray | None = None) -> Batch:
        """What belongs to these samples, without latents (batch, 0): labels, sources, masks.

        `places`, by default the indices, say which masks are drawn. Without pairs the sources are the first ones.
        """
        return Batch(
            real=self.real(index),
            latent=torch.zeros(len(index), 0, device=self.device, dtype=self.dtype),
            label=self.labels(index),
            mask=self._mask(index, index if places is None else places),
            source=self._source(index),
        )

    def real(self, index: np.ndarray) -> Tensor:
        """Real samples (len(index), *shape) as a batch holds them."""
        return to_tensor(self.dataset.samples[index]).to(self.device, self.dtype)

    def sources(self, index: np.ndarray) -> Tensor:
        """Sources (len(index), channels, h, w) as a batch holds them."""
        assert self.dataset.sources is not None
        return to_tensor(self.dataset.sources[index]).to(self.device, self.dtype)

    def labels(self, index: np.ndarray) -> Tensor | None:
        """Their classes (len(index),), if the run uses them."""
        if not self.conditional or self.dataset.labels is None:
            return None
        return torch.from_numpy(self.dataset.labels[index]).to(self.device)

    def _source(self, index: np.ndarray) -> Tensor | None:
        if self.dataset.sources is None:
            return None
        return self.sources(index if self.dataset.is_paired else np.resize(self.source_members, len(index)))

    def _mask(self, index: np.ndarray, places: np.ndarray) -> Tensor | None:
        """1 where pixels are missing: the data's own masks, of each sample or one of many, or drawn ones."""
        if self.masks is None:
            return None
        if self.dataset.masks is not None:
            own = len(self.dataset.masks) == len(self.dataset)
            chosen = self.dataset.masks[index if own else places % len(self.dataset.masks)] > 0
        else:
            height, width = self.dataset.shape[1:]
            randoms = (np.random.default_rng([self.seed, STREAMS["mask"], int(place)]) for place in places)
            chosen = np.stack([self.masks(random, height, width) for random in randoms])[:, None]
        return torch.from_numpy(chosen.astype(np.float32)).to(self.device, self.dtype)

    def _moved(self, batch: Batch, position: int) -> Batch:
        """The batch augmented: what belongs together by the same draws; a drawn hole stays where it is."""
        uniform = torch.rand(self.batch_size, 2 * PAIRED_DRAWS, generator=seeded(self.seed, "pairs", position))
        first, second = uniform[self.mine].to(self.device).split(PAIRED_DRAWS, 1)
        apart = None if self.dataset.is_paired else batch.source
        source = batch.source if apart is None else None
        mask = None if self.dataset.masks is None else batch.mask
        moved = paired_augment(batch.real, first, source, mask, self.pair_augmentations)
        if apart is not None:
            source = paired_augment(apart, second, kinds=self.pair_augmentations).sample
        return batch._replace(
            real=moved.sample,
            source=moved.source if apart is None else source,
            mask=batch.mask if mask is None else moved.mask,
        )

    def _order(self, position: int) -> np.ndarray:
        """Indices of the global batch's samples."""
        return self._shuffled(np.arange(position, position + self.batch_size), self.members, "order")

    def _shuffled(self, places: np.ndarray, chosen: np.ndarray, stream: str) -> np.ndarray:
        """The chosen ones at these places of their endless order: every epoch is a fresh permutation."""
        epochs, within = np.divmod(places, len(chosen))
        index = np.empty_like(places)
        for epoch in np.unique(epochs):
            of_epoch = epochs == epoch
            index[of_epoch] = permutation(len(chosen), self.seed, int(epoch), stream)[within[of_epoch]]
        return chosen[index]


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
def permutation(count: int, seed: int, epoch: int, stream: str = "order") -> np.ndarray:
    """The order of one epoch, (count,)."""
    return torch.randperm(count, generator=seeded(seed, stream, epoch)).numpy()
