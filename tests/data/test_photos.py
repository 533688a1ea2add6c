"""Patches of bundled photographs."""

import numpy as np
import pytest
from PIL import Image

from data.making import photo
from nablagan.data import open_dataset, photos
from nablagan.types import InputError


def test_patches_of_every_photo_and_none_is_flat():
    dataset, held_out = open_dataset("builtin:photos"), open_dataset("builtin:photos-heldout")
    assert dataset.shape == held_out.shape == (3, 64, 64)
    assert len(dataset) >= 4000
    assert len(held_out) >= 500
    assert dataset.sources is None
    assert not set(photos.TRAINING) & set(photos.HELD_OUT)
    for images in (dataset.samples[::50], held_out.samples[::50]):
        assert images.mean(axis=1).std(axis=(1, 2)).min() >= photos.LEAST_DEVIATION - 0.01
    assert len({image.tobytes() for image in held_out.samples}) == len(held_out)


def test_patches_are_windows_of_the_photo():
    picture = photo(40, 56, channels=1)[..., None].repeat(3, axis=2)
    patches = photos.patches_of(Image.fromarray(picture), 16, 24)
    windows = {
        picture[top : top + 16, left : left + 24].transpose(2, 0, 1).tobytes()
        for top in range(0, 40 - 15, 4)
        for left in range(0, 56 - 23, 6)
    }
    assert patches.shape[1:] == (3, 16, 24)
    assert {patch.tobytes() for patch in patches[-len(windows) :]} == windows
    assert len(patches) == len(windows) + 2 * 1  # before them those of a half of the size, 20 x 28


def test_at_most_so_many_of_one_photo_and_the_same_ones_every_time(monkeypatch):
    picture = Image.fromarray(photo(64, 64, channels=1))
    everything = photos.patches_of(picture, 16, 16)
    monkeypatch.setattr(photos, "MOST_A_PHOTO", 10)
    few = photos.patches_of(picture, 16, 16)
    assert len(few) == 10 < len(everything)
    assert {patch.tobytes() for patch in few} <= {patch.tobytes() for patch in everything}
    np.testing.assert_array_equal(few, photos.patches_of(picture, 16, 16))
    assert not np.array_equal(few, photos.patches_of(picture, 16, 16, seed=1))


def test_a_photo_without_content_gives_nothing():
    assert photos.patches_of(Image.new("RGB", (64, 64), "grey"), 16, 16).shape == (0, 3, 16, 16)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(photos, "HELD_OUT", (("no_such_package/data", "cat.png"),))
    with pytest.raises(InputError, match=r"needs the package no_such_package: pip install 'nablagan\[photos\]'"):
        open_dataset("builtin:photos-heldout")
    monkeypatch.setattr(photos, "HELD_OUT", (("numpy", "cat.png"),))
    with pytest.raises(InputError, match=r"numpy has no photo cat\.png"):
        open_dataset("builtin:photos-heldout")
