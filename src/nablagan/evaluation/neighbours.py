"""Nearest training samples of generated ones, by features and by pixels, and the picture that shows them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nablagan.data import picture_grid
from nablagan.evaluation.samples import Samples

if TYPE_CHECKING:
    from PIL import Image

SHOWN = 12
"""Generated samples in the picture: half of them the nearest to training samples, half of any kind."""
SEARCHED = 1_000
"""Generated samples among which the nearest are sought, at most."""
QUERIES, KEYS = 250, 10_000
"""Rows whose distances are held at once."""
ROWS = ("generated", "nearest by features", "nearest by pixels")


@dataclass(frozen=True)
class Neighbours:
    """Which generated samples are shown, and the nearest training sample of each with its distance, both ways."""

    shown: np.ndarray
    by_features: np.ndarray
    by_pixels: np.ndarray
    feature_distances: np.ndarray
    pixel_distances: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; pixel distances are root mean squares of pixels that go from 0 to 255."""
        return {
            "generated": self.shown.tolist(),
            "nearest_by_features": self.by_features.tolist(),
            "nearest_by_pixels": self.by_pixels.tolist(),
            "feature_distances": [round(float(value), 4) for value in self.feature_distances],
            "pixel_distances": [round(float(value), 2) for value in self.pixel_distances],
        }


def nearest(queries: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest key (m, d) of each query (n, d) and its Euclidean distance, both (n,), in bounded memory.

    >>> nearest(np.array([[0.0], [9.0]]), np.array([[8.0], [1.0]]))
    (array([1, 0]), array([1., 1.]))
    """
    found = [_nearest(np.asarray(queries[start : start + QUERIES]), keys) for start in range(0, len(queries), QUERIES)]
    index = np.concatenate(found)
    distances = [
        np.linalg.norm(queries[i].astype(np.float64).ravel() - keys[k].astype(np.float64).ravel())
        for i, k in enumerate(index)
    ]  # the products of the search cancel badly just where a copy is
    return index, np.array(distances)


def neighbours_of(
    generated: Samples, training: Samples, features: np.ndarray, training_features: np.ndarray
) -> Neighbours:
    """The nearest training samples of SHOWN generated ones."""
    searched = _spread(len(generated), SEARCHED)
    _, distances = nearest(features[searched], training_features)
    suspects = searched[np.argsort(distances, kind="stable")[: SHOWN // 2]]
    others = np.setdiff1d(searched, suspects)
    shown = np.concatenate([suspects, others[_spread(len(others), SHOWN - len(suspects))]])
    by_features, feature_distances = nearest(features[shown], training_features)
    by_pixels, pixel_distances = nearest(generated.rows[shown], training.rows)
    scale = np.sqrt(np.prod(generated.rows.shape[1:]))
    return Neighbours(shown, by_features, by_pixels, feature_distances, pixel_distances / scale)


def neighbours_picture(generated: Samples, training: Samples, found: Neighbours) -> "Image.Image":
    """A row of generated images above their nearest training images by features and by pixels."""
    rows = [generated.rows[found.shown], training.rows[found.by_features], training.rows[found.by_pixels]]
    return picture_grid(np.concatenate(rows), len(found.shown), ROWS)


def _spread(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` of the places below `count`, evenly spread: samples come class by class."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).astype(int)) if count else np.zeros(0, int)


def _nearest(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Index of the nearest key of each query, by blocks of keys."""
    block = torch.from_numpy(_flat(queries))
    best, place = torch.full((len(block),), torch.inf), torch.zeros(len(block), dtype=torch.long)
    for start in range(0, len(keys), KEYS):
        part = torch.from_numpy(_flat(np.asarray(keys[start : start + KEYS])))
        values, indices = torch.cdist(block, part).min(dim=1)
        place = torch.where(values < best, start + indices, place)
        best = torch.minimum(values, best)
    return place.numpy()


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1).astype(np.float32)
