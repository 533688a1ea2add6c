"""Pictures of known factors. Oracle: closed forms of an ellipse, pixels painted by supersampling, colorsys."""

import colorsys

import numpy as np
import pytest

from nablagan.data import Factors, measured_factors, open_dataset, shapes
from nablagan.data.ellipses import FLATNESS, RANGES
from nablagan.types import InputError


def painted(factors, index, side, fine=16):
    """One picture, by counting which of 16 x 16 points of each pixel lie inside the ellipse."""
    x, y, size, angle, hue = (values[index] for values in factors)
    points = (2 * np.arange(side * fine) + 1) / (side * fine) - 1
    right, up = np.meshgrid(points, -points)
    turn = np.exp(-1j * np.radians(angle)) * ((right - x) + 1j * (up - y))
    inside = (turn.real / size) ** 2 + (turn.imag / (FLATNESS * size)) ** 2 <= 1
    coverage = inside.reshape(side, fine, side, fine).mean((1, 3))
    return coverage * np.reshape(colorsys.hsv_to_rgb(hue, 1, 1), (3, 1, 1))


def test_pictures_are_those_of_an_exact_painter():
    images, factors = shapes(20, 32, seed=3)
    for index in range(20):
        exact = painted(factors, index, 32)
        error = np.abs(images[index] / 255 - exact)
        assert error.max() < 0.2  # the distance to the edge is of first order, along the ellipse's tight ends
        assert error.mean() < 0.002


@pytest.mark.parametrize(("resolution", "least"), [(16, 0.99), (32, 0.999), (64, 0.9999)])
def test_measured_factors_are_the_true_ones(resolution, least):
    images, factors = shapes(200, resolution, seed=1)
    for name, true, found in zip(Factors._fields, factors, measured_factors(images), strict=True):
        assert 1 - np.mean((true - found) ** 2) / np.var(true) > least, name
    floats = measured_factors(images / 255)
    np.testing.assert_allclose(np.stack(floats), np.stack(measured_factors(images)), atol=1e-12)


def test_factors_are_measured_of_oblong_pictures_and_of_the_painter_s():
    _, factors = shapes(10, 32, seed=5)
    exact = np.stack([painted(factors, index, 32) for index in range(10)])
    for name, true, found in zip(Factors._fields, factors, measured_factors(exact), strict=True):
        np.testing.assert_allclose(found, true, atol=2.5 if name == "angle" else 0.02, err_msg=name)
    wide = measured_factors(np.pad(exact, ((0, 0), (0, 0), (0, 0), (16, 16))))
    np.testing.assert_allclose(wide.x, measured_factors(exact).x / 2, atol=1e-12)
    np.testing.assert_allclose(wide.y, measured_factors(exact).y, atol=1e-12)


def test_hues_are_colorsys_s_with_purple_below_red():
    hues = np.arange(24) / 24
    pictures = np.stack([np.full((8, 8, 3), colorsys.hsv_to_rgb(hue, 1, 1)).transpose(2, 0, 1) for hue in hues])
    np.testing.assert_allclose(measured_factors(pictures).hue, np.where(hues >= 5 / 6, hues - 1, hues), atol=1e-12)


def test_an_empty_picture_has_no_factors_and_the_others_keep_theirs():
    images, _ = shapes(3, 16)
    alone = measured_factors(images[2:])
    images[1] = 5  # a background that is not quite black
    found = np.stack(measured_factors(images), 1)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[2], np.stack(alone, 1)[0])


def test_factors_are_uniform_independent_and_inside_the_picture():
    _, factors = shapes(4000, 8)
    for (low, high), values in zip(RANGES.values(), factors, strict=True):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high >= values.max() > high - 0.01 * (high - low)
        assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)
    assert np.abs(np.corrcoef(np.stack(factors)) - np.eye(5)).max() < 0.06
    images, _ = shapes(300, 32)
    assert not images[:, :, [0, -1]].any()
    assert not images[:, :, :, [0, -1]].any()


def test_the_builtin_set_is_the_function_s_in_its_order():
    dataset = open_dataset("builtin:shapes", resolution=8)
    images, _ = shapes(resolution=8)
    assert (len(dataset), dataset.shape, dataset.labels) == (10_000, (3, 8, 8), None)
    np.testing.assert_array_equal(dataset.samples, images)
    assert dataset.description["factors"]["hue"] == [0, 2 / 3]
    np.testing.assert_array_equal(shapes(20, 16).factors, shapes(20, 8).factors)
    assert not np.array_equal(shapes(10, 8, seed=1).images, shapes(10, 8, seed=2).images)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"count": 0}, "count is 0"), ({"resolution": 4}, "resolution of at least 8"), ({"seed": -1}, "seed is -1")],
)
def test_wrong_settings(options, words):
    with pytest.raises(InputError, match=words):
        shapes(**{"count": 10, "resolution": 8, **options})


def test_grey_pictures_are_refused():
    with pytest.raises(InputError, match=r"images have shape \(2, 1, 8, 8\)"):
        measured_factors(np.zeros((2, 1, 8, 8), np.uint8))
