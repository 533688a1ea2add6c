"""Fitting against numpy: where pictures go, what is cut, what is black."""

import numpy as np
import pytest
from PIL import Image

from data.making import channels_first, photo
from nablagan.data.fitting import fit_block, fit_picture, placement
from nablagan.data.policy import Policy


def policy(fit, height=16, width=16, channels=3):
    return Policy(height, width, channels, fit, "test")


def box_mean(pixels, factor):
    """Mean of each factor x factor square; what a smooth reduction comes near to."""
    height, width = pixels.shape[:2]
    return pixels.reshape(height // factor, factor, width // factor, factor, -1).mean(axis=(1, 3))


def large_photo(height, width):
    return np.asarray(Image.fromarray(photo(12, 12)).resize((width, height), Image.Resampling.BICUBIC))


def test_crop_keeps_the_middle():
    wide = photo(16, 30)
    result = fit_picture(Image.fromarray(wide), policy("crop"))
    np.testing.assert_array_equal(result, channels_first(wide[:, 7:23]))
    tall = photo(31, 16)  # half a pixel each side is shared
    result = fit_picture(Image.fromarray(tall), policy("crop"))
    assert result.shape == (3, 16, 16)
    middle = (tall[7:23].astype(float) + tall[8:24]) / 2
    assert np.abs(result - channels_first(middle)).mean() < 3


def test_crop_scales_the_short_side():
    picture = large_photo(64, 96)
    result = fit_picture(Image.fromarray(picture), policy("crop"))
    oracle = box_mean(picture[:, 16:80], 4)
    assert np.abs(result - channels_first(oracle)).mean() < 2


def test_pad_shows_all_with_black_bars():
    picture = large_photo(32, 64)
    result = fit_picture(Image.fromarray(picture), policy("pad"))
    assert not result[:, :4].any()
    assert not result[:, 12:].any()
    assert np.abs(result[:, 4:12] - channels_first(box_mean(picture, 4))).mean() < 2


def test_stretch_alters_the_aspect():
    picture = large_photo(64, 32)
    result = fit_picture(Image.fromarray(picture), policy("stretch", 16, 32))
    oracle = picture.reshape(16, 4, 32, 3).mean(axis=1)
    assert np.abs(result - channels_first(oracle)).mean() < 2


def test_border_never_enlarges_and_centres():
    small = photo(10, 12)
    result = fit_picture(Image.fromarray(small), policy("border"))
    np.testing.assert_array_equal(result[:, 3:13, 2:14], channels_first(small))
    assert result.sum() == small.sum(dtype=np.int64)
    assert placement(64, 32, policy("border")).size == (16, 8)


def test_grey_is_luma_and_colour_of_grey_is_grey():
    colour, grey = photo(16, 16), photo(16, 16, 1)
    luma = np.rint(colour @ np.array([0.299, 0.587, 0.114]))
    result = fit_picture(Image.fromarray(colour), policy("crop", channels=1))
    np.testing.assert_allclose(result[0], luma, atol=1)
    result = fit_picture(Image.fromarray(grey), policy("crop"))
    np.testing.assert_array_equal(result, np.stack([grey] * 3))


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch", "border"])
@pytest.mark.parametrize("size", [(16, 16), (14, 13), (40, 24), (24, 40)])
def test_a_block_is_fitted_as_its_pictures_are(fit, size):
    pictures = [photo(*size, seed=seed) for seed in range(3)]
    block = fit_block(np.stack([channels_first(picture) for picture in pictures]), policy(fit))
    for result, picture in zip(block, pictures, strict=True):
        np.testing.assert_array_equal(result, fit_picture(Image.fromarray(picture), policy(fit)))


def test_channels_of_blocks():
    colour, grey = channels_first(photo(16, 16))[None], photo(16, 16, 1)[None, None]
    luma = np.rint(np.tensordot([0.299, 0.587, 0.114], colour[0], 1))
    np.testing.assert_allclose(fit_block(colour, policy("crop", channels=1))[0, 0], luma, atol=0.51)
    np.testing.assert_array_equal(fit_block(grey, policy("crop"))[0], np.repeat(grey[0], 3, axis=0))
    five = np.arange(5 * 256, dtype=np.uint8).reshape(1, 5, 16, 16)
    np.testing.assert_array_equal(fit_block(five, policy("crop", channels=5)), five)


def test_extreme_shapes_stay_inside():
    for fit in ("crop", "pad", "stretch", "border"):
        for size in ((1, 1), (1, 400), (400, 1)):
            assert fit_picture(Image.fromarray(photo(*size)), policy(fit)).shape == (3, 16, 16)
