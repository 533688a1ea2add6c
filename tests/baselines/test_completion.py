"""Completions to compare with: known pixels untouched, nothing read from the hole, answers known by hand."""

from functools import partial

import numpy as np
import pytest

from nablagan.baselines import completion
from nablagan.types import InputError

ALL = {
    **completion.COMPLETIONS,
    "nearest_known": partial(completion.nearest_known, training=np.full((2, 3, 16, 20), 7, np.uint8)),
}
MODULES = {"biharmonic": "skimage", "telea": "cv2", "navier_stokes": "cv2"}
every_one = pytest.mark.parametrize("name", ALL)


def filler(name):
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    return ALL[name]


def scene(count=2):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 3, 16, 20), dtype=np.uint8)
    masks = np.zeros((count, 1, 16, 20), np.uint8)
    masks[0, :, 4:9, 5:12] = 255
    masks[1:, :, :, 15:] = 255  # outpainting: no known pixel beyond
    return images, masks


@every_one
def test_known_pixels_stay_and_nothing_is_read_from_the_hole(name):
    fill = filler(name)
    images, masks = scene()
    result = fill(images, masks)
    assert (result.dtype, result.shape) == (np.uint8, images.shape)
    known = np.broadcast_to(masks == 0, images.shape)
    assert (result[known] == images[known]).all()
    assert (fill(np.where(masks, 200, images).astype(np.uint8), masks) == result).all()


@every_one
def test_an_empty_mask_changes_nothing_and_a_full_one_is_refused(name):
    fill = filler(name)
    images, masks = scene()
    assert (fill(images, np.zeros_like(masks)) == images).all()
    assert (fill(images, masks[:1]) == fill(images, np.repeat(masks[:1], 2, 0))).all()
    with pytest.raises(InputError, match="image 1 has no known pixel"):
        fill(images, np.concatenate([masks[:1], np.ones_like(masks[:1])]))
    with pytest.raises(InputError, match="masks of shape"):
        fill(images, masks[:, :, 1:])


@pytest.mark.parametrize("name", completion.COMPLETIONS)
def test_an_even_surface_is_continued(name):
    """All are exact on a constant, to the few levels that Telea's steps in single precision lose beyond a border."""
    _, masks = scene()
    images = np.full((2, 1, 16, 20), 93, np.uint8)
    assert np.abs(filler(name)(images, masks).astype(int) - 93).max() <= (4 if name == "telea" else 0)


def test_biharmonic_continues_a_slope():
    """A plane solves the biharmonic equation; a hole that no border touches is filled by it to the rounding."""
    pytest.importorskip("skimage")
    _, masks = scene(1)
    plane = (np.add.outer(5 * np.arange(16), 3 * np.arange(20)) + 20).astype(np.uint8)[None, None]
    assert np.abs(completion.biharmonic(plane, masks).astype(int) - plane).max() <= 1
    assert np.abs(completion.mean_of_known(plane, masks).astype(int) - plane).max() > 20


def test_the_nearest_by_known_pixels_alone():
    """Oracle: squared distances by a loop; a training image that is equal under the mask alone does not win."""
    images, masks = scene()
    random = np.random.default_rng(1)
    training = random.integers(0, 256, (completion.BLOCK + 30, 3, 16, 20), dtype=np.uint8)
    training[0] = np.where(masks[0], images[0], training[0])
    known = np.broadcast_to(masks == 0, images.shape)
    for i, image in enumerate(images):
        squares = [((image.astype(int) - each)[known[i]] ** 2).sum() for each in training]
        expected = np.where(masks[i], training[int(np.argmin(squares))], image)
        assert (completion.nearest_known(images, masks, training)[i] == expected).all()
    with pytest.raises(InputError, match="give one size"):
        completion.nearest_known(images, masks, training[:, :1])


def test_opencv_refuses_other_channels():
    pytest.importorskip("cv2")
    images, masks = scene()
    with pytest.raises(InputError, match="1 or 3 channels"):
        completion.telea(images[:, :2], masks)
