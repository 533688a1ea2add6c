"""Nearest neighbours against a dense table of distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from nablagan.evaluation import neighbours
from nablagan.evaluation.neighbours import SHOWN, nearest, neighbours_of, neighbours_picture
from nablagan.evaluation.samples import Samples


def samples(seed: int, count: int) -> Samples:
    rows = np.random.default_rng(seed).integers(0, 256, (count, 3, 8, 8), np.uint8)
    return Samples(rows, f"{seed}-{count}", {})


def test_the_nearest_is_that_of_a_dense_table_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch):
    """Oracle: scipy's cdist in float64."""
    random = np.random.default_rng(0)
    queries, keys = random.normal(size=(53, 7)).astype(np.float32), random.normal(size=(101, 7)).astype(np.float32)
    dense = cdist(queries.astype(np.float64), keys.astype(np.float64))
    for block in (1, 10, 1000):
        monkeypatch.setattr(neighbours, "QUERIES", block)
        monkeypatch.setattr(neighbours, "KEYS", block)
        index, distances = nearest(queries, keys)
        assert np.array_equal(index, dense.argmin(axis=1))
        assert distances == pytest.approx(dense.min(axis=1), rel=1e-6)


def test_a_copy_is_shown_first_with_distance_zero():
    training, generated = samples(0, 40), samples(1, 30)
    generated.rows[17] = training.rows[5]
    features, known = (side.rows.reshape(len(side), -1)[:, :50].astype(np.float32) for side in (generated, training))
    found = neighbours_of(generated, training, features, known)
    assert len(found.shown) == len(set(found.shown.tolist())) == SHOWN
    assert (found.shown[0], found.by_features[0], found.by_pixels[0]) == (17, 5, 5)
    assert found.feature_distances[0] == found.pixel_distances[0] == 0
    assert np.all(found.pixel_distances[1:] > 1)
    picture = neighbours_picture(generated, training, found)
    assert picture.height == 3 * 50 + 2


def test_few_samples_are_all_shown():
    training, generated = samples(0, 3), samples(1, 4)
    features, known = (side.rows.reshape(len(side), -1).astype(np.float32) for side in (generated, training))
    assert sorted(neighbours_of(generated, training, features, known).shown.tolist()) == [0, 1, 2, 3]
