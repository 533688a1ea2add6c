"""Strips of images along directions: every pixel where it belongs, signs in their colours."""

import numpy as np
import pytest
import torch

from nablagan.data.strips import FALLING, RISING, full_colour, signed_colours, strip_picture
from nablagan.types import InputError


def test_one_channel_is_white_at_zero_red_above_and_blue_below():
    values = torch.tensor([0.0, 2.0, -2.0, 1.0]).reshape(1, 1, 2, 2)
    pixels = signed_colours(values)[0]
    assert pixels[:, 0, 0].tolist() == [255] * 3
    assert tuple(pixels[:, 0, 1]) == RISING
    assert tuple(pixels[:, 1, 0]) == FALLING
    assert tuple(pixels[:, 1, 1]) == tuple(round((255 + end) / 2) for end in RISING)


def test_three_channels_stand_about_mid_grey():
    values = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]).reshape(1, 3, 1, 2)
    pixels = signed_colours(values)[0]
    assert pixels[:, 0, 0].tolist() == [255, 0, 128]
    assert pixels[:, 0, 1].tolist() == [128] * 3


def test_single_pixels_do_not_set_the_scale_and_nothing_stays_neutral():
    values = torch.ones(1, 1, 20, 20)
    values[0, 0, 0, 0] = 1000
    assert full_colour(values) == pytest.approx(1)
    assert tuple(signed_colours(values)[0, :, 5, 5]) == RISING
    assert full_colour(torch.zeros(1, 1, 2, 2)) == 0
    assert (signed_colours(torch.zeros(1, 1, 2, 2)) == 255).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_rows_hold_their_images_then_their_derivative(channels):
    images = torch.linspace(-1, 1, 2 * 3)[:, None, None, None].expand(6, channels, 48, 48).unflatten(0, (2, 3))
    derivatives = torch.stack([torch.ones(channels, 48, 48), -torch.ones(channels, 48, 48)])
    pixels = np.asarray(strip_picture(images, derivatives, ["one", "two"]))
    left = pixels.shape[1] - 4 * 50 - 2  # the titles' margin
    for row in range(2):
        cells = [pixels[2 + 50 * row + 24, left + 2 + 50 * column + 24].tolist() for column in range(4)]
        expected = [round(255 * (3 * row + column) / 5) for column in range(3)]
        assert [cell[0] for cell in cells[:3]] == expected
        one = (RISING, FALLING)[row] if channels < 3 else ((255,) * 3, (0,) * 3)[row]
        assert tuple(cells[3]) == one


@pytest.mark.parametrize(
    ("images", "derivatives", "titles"),
    [((2, 3, 1, 8, 8), (3, 1, 8, 8), 2), ((2, 3, 1, 8, 8), (2, 1, 8, 8), 1), ((2, 1, 8, 8), (2, 1, 8, 8), 2)],
)
def test_wrong_shapes(images, derivatives, titles):
    with pytest.raises(InputError, match="a title a row"):
        strip_picture(torch.zeros(images), torch.zeros(derivatives), ["x"] * titles)
