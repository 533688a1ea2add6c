"""Features in batches, and the unit that standardised ones are measured in."""

import numpy as np
import pytest
import torch

from nablagan.metrics.features import Extractor, deviation, features_of, probabilities_of
from nablagan.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 3, 8, 8), dtype=np.uint8)


def convolution():
    """A small network with a convolution, as an extractor."""
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 5, 3)
    return Extractor("small", lambda images: layer(images.float() / 255).mean((2, 3)), {})


def test_features_do_not_depend_on_the_batch_size():
    whole = features_of(convolution(), IMAGES, batch_size=100)
    assert whole.shape == (23, 5)
    assert whole.dtype == np.float32
    for size in (1, 7, 23):
        np.testing.assert_allclose(features_of(convolution(), IMAGES, size), whole, rtol=1e-5, atol=1e-6)


def test_features_are_the_extractors_of_each_image():
    mean = Extractor("mean", lambda images: images.float().mean((2, 3)), {})
    np.testing.assert_allclose(features_of(mean, IMAGES, 4), IMAGES.mean((2, 3)), rtol=1e-6)


def test_progress_is_told_after_each_batch():
    told = []
    features_of(convolution(), IMAGES, 10, progress=lambda *news: told.append(news))
    assert told == [(10, 23, "features"), (20, 23, "features"), (23, 23, "features")]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES.astype(np.float32), "not float32"),
        (IMAGES[:, :2], "1 or 3"),
        (IMAGES[0], "not uint8"),
        (IMAGES[:0], "no images"),
    ],
    ids=["floats", "two channels", "one image", "none"],
)
def test_what_is_no_image_is_refused(images, words):
    with pytest.raises(InputError, match=words):
        features_of(convolution(), images)


def test_features_that_are_not_finite_are_refused():
    broken = Extractor("broken", lambda images: images.float().mean((2, 3)) / 0, {})
    with pytest.raises(InputError, match="broken gives NaN"):
        features_of(broken, IMAGES)


def test_probabilities_need_classes():
    with pytest.raises(InputError, match="small has no classes"):
        probabilities_of(convolution(), IMAGES)


def test_deviation_is_numpys_in_float64_over_all_entries():
    features = (1000 + np.random.default_rng(0).normal(size=(50, 4))).astype(np.float32)
    assert deviation(features) == pytest.approx(np.std(features.astype(np.float64).ravel(), ddof=1), rel=1e-12)


def test_features_without_spread_have_no_unit():
    with pytest.raises(InputError, match="give images that differ"):
        deviation(np.ones((5, 3), np.float32))
