"""Arrays to data sets: identity, size, and the way past the memory."""

import json

import numpy as np
import pytest

from data.making import photo
from nablagan.data import arrays, open_dataset
from nablagan.data.arrays import ArraySource, class_counts, open_arrays, open_points
from nablagan.data.policy import Request
from nablagan.types import InputError

IMAGES = np.stack([photo(28, 28, 1, seed=seed)[None] for seed in range(12)])


def source(images=IMAGES, labels=None, classes=()):
    return ArraySource("set", "here", images, labels, classes)


def test_images_get_a_border_to_a_size_that_players_grow_to(cache):
    dataset = open_arrays(source(), Request(), cache)
    assert dataset.shape == (1, 32, 32)
    np.testing.assert_array_equal(dataset.samples[:, :, 2:30, 2:30], IMAGES)
    assert dataset.samples.sum() == IMAGES.sum()
    assert "black border" in dataset.description["policy"]["reason"]
    assert dataset.description["sizes"] == {"28x28": 12}
    assert json.loads(json.dumps(dataset.description)) == dataset.description


def test_the_fingerprint_follows_values_order_labels_classes_and_policy(cache):
    labels = np.arange(12) % 2
    sets = [
        open_arrays(source(), Request(), cache),
        open_arrays(source(IMAGES[::-1]), Request(), cache),
        open_arrays(source(IMAGES ^ 1), Request(), cache),
        open_arrays(source(labels=labels, classes=("a", "b")), Request(), cache),
        open_arrays(source(labels=1 - labels, classes=("a", "b")), Request(), cache),
        open_arrays(source(labels=labels, classes=("a", "c")), Request(), cache),
        open_arrays(source(), Request((32, 32), 1, "crop"), cache),
        open_arrays(source(), Request((64, 64)), cache),
    ]
    assert len({dataset.fingerprint for dataset in sets}) == len(sets)
    assert open_arrays(source(IMAGES.copy()), Request(), cache).fingerprint == sets[0].fingerprint


def test_more_than_one_block(cache, monkeypatch):
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 28 * 28 * 5)
    dataset = open_arrays(source(), Request(), cache)
    np.testing.assert_array_equal(dataset.samples[:, :, 2:30, 2:30], IMAGES)


def test_past_the_memory_samples_are_mapped_from_the_cache(cache, monkeypatch):
    expected = open_arrays(source(), Request(), cache)
    assert not isinstance(expected.samples, np.memmap)
    for module in ("arrays", "cache"):
        monkeypatch.setattr(f"nablagan.data.{module}.fits_in_memory", lambda size: False)
    for _ in range(2):
        dataset = open_arrays(source(), Request(), cache)
        assert isinstance(dataset.samples, np.memmap)
        np.testing.assert_array_equal(dataset.samples, expected.samples)
        assert dataset.fingerprint == expected.fingerprint
        monkeypatch.setattr("nablagan.data.cache.store", lambda *_: pytest.fail("written twice"))


def test_the_same_mapped_set_opens_from_a_file(tmp_path, monkeypatch):
    np.save(tmp_path / "set.npy", IMAGES)
    expected = open_dataset(tmp_path / "set.npy")
    for module in ("arrays", "cache"):
        monkeypatch.setattr(f"nablagan.data.{module}.fits_in_memory", lambda size: False)
    np.testing.assert_array_equal(open_dataset(tmp_path / "set.npy").samples, expected.samples)


def test_too_few_and_too_odd_are_refused(cache):
    with pytest.raises(InputError, match="here holds 7 usable samples; at least 8"):
        open_arrays(source(IMAGES[:7]), Request(), cache)
    with pytest.raises(InputError, match="here holds 3 usable samples"):
        open_points(source(np.zeros((3, 2), np.float32)), Request())


@pytest.mark.parametrize("request_", [Request((8, 8)), Request(None, 3), Request(None, None, "pad")])
def test_points_take_no_picture_policy(request_):
    name = next(name for name, value in zip(("resolution", "channels", "fit"), request_, strict=True) if value)
    with pytest.raises(InputError, match=f"have no {name}; leave --{name} out"):
        open_points(source(np.zeros((30, 2), np.float32)), request_)


def test_classes_without_samples_are_counted_too():
    assert class_counts(np.array([0, 2, 2]), ("a", "b", "c")) == {"a": 1, "b": 0, "c": 2}
    assert class_counts(None, ()) == {}
