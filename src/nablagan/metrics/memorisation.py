"""Whether generated samples lie closer to training samples than unseen real samples do: a test for copies."""

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import hypergeom
from torch import Tensor

from nablagan.metrics.arrays import Array, checked, checked_pair
from nablagan.metrics.tiles import BLOCK, tiles_between
from nablagan.types import InputError


class Memorisation(NamedTuple):
    """What the distances to the nearest training samples say."""

    p_value: float
    """Probability of so many near samples if generated and held-out ones were alike; one-sided."""
    copied: float
    """Estimated share of generated samples nearer than the threshold beyond those that would be by chance."""
    threshold: float
    """The distance below which a sample counts as near: a low quantile of the held-out distances."""
    near: int
    """Generated samples at or below it, ties broken at random."""
    expected: float
    """Their mean number if nothing was copied."""
    nearest: np.ndarray
    """(generated,) index of the nearest training sample."""
    distances: np.ndarray
    """(generated,) Euclidean distance to it."""
    held_out_distances: np.ndarray
    """(held out,)"""


def memorisation(
    generated: Array, training: Array, held_out: Array, tail: float = 0.02, seed: int = 0, block: int = BLOCK
) -> Memorisation:
    """A test of the lower tail of distances to the training set (question of Meehan et al. 2020, "data-copying").

    Arrays (n, d) of features or flattened pixels; `training` is what the generator saw, `held_out` real data that it
    did not. With j = tail x held-out count, the number of generated samples nearer than the j-th nearest held-out one
    has a negative hypergeometric law if both are alike: the p-value is exact, for any sizes, distribution and
    duplicates, as ties are broken at random (by the seed). Their test of all ranks is blind to a few copies among
    many samples that are further away than real ones. Memory: tiles of `block` x `block`. Raises InputError.

    >>> training = torch.arange(100.0).unsqueeze(1)
    >>> fresh = training[::2] + 0.5
    >>> found = memorisation(training[:20], training, fresh)
    >>> found.near, found.p_value < 1e-4, found.nearest[3].item()
    (20, True, 3)
    """
    seen = checked("training", training, least=1)
    distances, nearest = nearest_distances(generated, seen, block, "generated")
    fresh, _ = nearest_distances(held_out, seen, block, "held out")
    return compared(distances, fresh, tail, seed)._replace(nearest=nearest)


def nearest_distances(
    queries: Array, training: Array, block: int = BLOCK, name: str = "queries"
) -> tuple[np.ndarray, np.ndarray]:
    """(distance, index) (n,) of the nearest of `training` (m, d) to each of `queries` (n, d); the first of equals.

    Raises InputError.
    """
    asked, seen = checked_pair(queries, training, least=1, names=(name, "training"))
    best = torch.full((len(asked),), torch.inf, dtype=torch.float64, device=asked.device)
    index = torch.zeros(len(asked), dtype=torch.int64, device=asked.device)
    for tile in tiles_between(asked, seen, block):
        least, where = tile.squared_distances.min(1)
        nearer = least < best[tile.rows]
        best[tile.rows] = torch.where(nearer, least, best[tile.rows])
        index[tile.rows] = torch.where(nearer, where + tile.columns.start, index[tile.rows])
    return best.sqrt().cpu().numpy(), index.cpu().numpy()


def compared(distances: np.ndarray, held_out_distances: np.ndarray, tail: float = 0.02, seed: int = 0) -> Memorisation:
    """The test on distances that are known already; `nearest` is left empty. Raises InputError."""
    generated, held_out = len(distances), len(held_out_distances)
    if not 0 < tail < 1:
        raise InputError(f"tail {tail}: the share of held-out distances that count as near; give 0 to 1, e.g. 0.02")
    if not generated or not held_out:
        raise InputError(f"{generated} generated and {held_out} held-out samples: the test needs both")
    rank = max(1, math.floor(tail * held_out))
    near, threshold = _nearer(distances, held_out_distances, rank, seed)
    share, chance = near / generated, rank / (held_out + 1)
    return Memorisation(
        p_value=_p_value(near, generated, held_out, rank),
        copied=max(0.0, (share - chance) / (1 - chance)),
        threshold=threshold,
        near=near,
        expected=generated * chance,
        nearest=np.zeros(0, dtype=np.int64),
        distances=distances,
        held_out_distances=held_out_distances,
    )


def _nearer(distances: np.ndarray, fresh: np.ndarray, rank: int, seed: int) -> tuple[int, float]:
    """How many generated samples come before the `rank`-th held-out one, and its distance."""
    order = np.random.default_rng(seed).permutation(len(distances) + len(fresh))
    together = np.concatenate([distances, fresh])[order]
    ranked = order[np.argsort(together, kind="stable")]
    places = np.flatnonzero(ranked >= len(distances))
    return int(places[rank - 1] - (rank - 1)), float(np.sort(fresh)[rank - 1])


def _p_value(near: int, generated: int, held_out: int, rank: int) -> float:
    """P(at least `near` generated before the rank-th held-out): at most rank - 1 held-out among the first near+rank-1.

    >>> round(_p_value(1, 1, 1, 1), 12)
    0.5
    """
    return float(hypergeom.cdf(rank - 1, generated + held_out, held_out, near + rank - 1))


def flattened(images: np.ndarray | Tensor) -> Array:
    """Images (n, C, H, W) as rows (n, CHW): pixels as features."""
    return images.reshape(len(images), -1)
