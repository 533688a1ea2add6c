"""Pictures of samples: every pixel where it belongs."""

import numpy as np
import pytest
import torch

from data.making import channels_first, photo
from nablagan.data import picture_grid, scatter_picture, to_tensor, to_uint8
from nablagan.types import InputError

IMAGES = np.stack([channels_first(photo(48, 60, seed=seed)) for seed in range(5)])


def test_a_grid_is_filled_row_by_row():
    page = np.asarray(picture_grid(IMAGES, columns=2, gap=3))
    assert page.shape == (3 * 51 + 3, 2 * 63 + 3, 3)
    covered = np.zeros(page.shape[:2], bool)
    for index, image in enumerate(IMAGES):
        top, left = 3 + index // 2 * 51, 3 + index % 2 * 63
        np.testing.assert_array_equal(page[top : top + 48, left : left + 60], image.transpose(1, 2, 0))
        covered[top : top + 48, left : left + 60] = True
    assert (page[~covered] == 255).all()


def test_a_grid_is_nearly_square_by_default():
    assert picture_grid(IMAGES).size == (3 * 62 + 2, 2 * 50 + 2)


def test_tensors_and_bytes_give_the_same_grid():
    grids = [picture_grid(images) for images in (IMAGES, torch.from_numpy(IMAGES), to_tensor(IMAGES))]
    assert grids[0].tobytes() == grids[1].tobytes() == grids[2].tobytes()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (5, "RGB")])
def test_one_or_three_channels_are_shown(channels, mode):
    images = np.stack([photo(48, 48, 5).transpose(2, 0, 1)])[:, :channels]
    grid = picture_grid(images, gap=0)
    assert grid.mode == mode
    shown = np.asarray(grid) if mode == "RGB" else np.asarray(grid)[..., None]
    np.testing.assert_array_equal(shown.transpose(2, 0, 1), images[0, : 1 if mode == "L" else 3])


def test_small_images_are_enlarged_by_a_whole_factor():
    image = photo(10, 20, 1)
    page = np.asarray(picture_grid(image[None, None], gap=0))
    np.testing.assert_array_equal(page, np.kron(image, np.ones((3, 3), np.uint8)))


def test_row_titles_stand_left_of_their_rows():
    plain = np.asarray(picture_grid(IMAGES[:4], columns=2))
    titled = np.asarray(picture_grid(IMAGES[:4], columns=2, row_titles=["cat", "a name that is far too long for this"]))
    margin = titled.shape[1] - plain.shape[1]
    assert margin > 0
    np.testing.assert_array_equal(titled[:, margin:], plain)
    for top in (2, 52):
        assert (titled[top : top + 48, :margin] < 128).any()


@pytest.mark.parametrize(
    "images",
    [np.zeros((4, 8, 8), np.uint8), np.zeros((0, 1, 8, 8), np.uint8), np.zeros((1, 1, 8, 8)), torch.zeros(1, 8, 8)],
)
def test_grids_of_something_else_are_refused(images):
    with pytest.raises(InputError, match="a picture grid needs"):
        picture_grid(images)


def test_floats_are_rounded_and_clipped():
    values = torch.tensor([-2.0, -1.0, -1 + 2 / 255, 0.0, 1.0, 3.0])
    assert to_uint8(values).tolist() == [0, 0, 1, 128, 255, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_images_are_refused(value):
    with pytest.raises(InputError, match="NaN or Inf"):
        to_uint8(torch.tensor([0.0, value]))


def test_points_are_drawn_where_they_are():
    corner = torch.tensor([[1.0, 1.0], [1.0, 1.1]])
    far = torch.tensor([[-1.0, -1.0], [1.2, 1.2]])
    page = np.asarray(scatter_picture(corner, real=far, side=300))
    assert page.shape == (300, 300, 3)
    red = np.argwhere((page[..., 0].astype(int) - page[..., 1] > 100)[:, :200])  # the legend is further right
    rows = np.argwhere(page[..., 0].astype(int) - page[..., 1] > 100)[:, 0]
    assert len(red) == 0
    assert rows.size
    assert rows.mean() < 150
    assert scatter_picture(np.zeros((3, 2)), side=200).size == (200, 200)


def test_a_scatter_of_something_else_is_refused():
    with pytest.raises(InputError, match="needs points"):
        scatter_picture(np.zeros((3, 1)))
