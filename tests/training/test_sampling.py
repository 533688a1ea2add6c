"""Samples and pictures on fixed latents."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from nablagan.training import sampling
from nablagan.training.loop import prepare
from runs import ALONE, images, images_run, points, points_run


def test_samples_do_not_depend_on_how_they_are_split():
    generator = prepare(images_run(), (1, 8, 8), 3, ALONE).game.generator
    latent, label = sampling.latents(7, 4, seed=0), torch.arange(7) % 3
    whole = sampling.samples(generator, latent, label)
    torch.testing.assert_close(sampling.samples(generator, latent, label, batch_size=3), whole)
    assert not whole.requires_grad


def test_latents_are_told_by_their_seed():
    assert torch.equal(sampling.latents(3, 4, seed=5), sampling.latents(3, 4, seed=5))
    assert not torch.equal(sampling.latents(3, 4, seed=5), sampling.latents(3, 4, seed=6))


def test_many_classes_are_thinned_out():
    assert sampling.row_labels(3).tolist() == [0] * 10 + [1] * 10 + [2] * 10
    rows = sampling.row_labels(1000)[:: sampling.COLUMNS].tolist()
    assert (len(rows), rows[0], rows[-1]) == (10, 0, 999)


def test_pictures_of_images_and_of_points():
    run = images_run()
    generator = prepare(run, (1, 8, 8), 3, ALONE).game.generator
    made, real = sampling.samples_picture(generator, run, images()), sampling.real_picture(run, images())
    assert made.size == real.size
    run = points_run()
    generator = prepare(run, (2,), 0, ALONE).game.generator
    made, real = sampling.samples_picture(generator, run, points()), sampling.real_picture(run, points())
    assert made.size == real.size == (480, 480)


def test_real_rows_hold_their_class():
    """The rows of the picture by class: class c is painted with the grey value 60 c."""
    data = images()
    assert data.labels is not None
    for sample, label in zip(data.samples, data.labels, strict=True):
        sample[:] = 60 * label
    picture = sampling.real_picture(images_run(), data)
    side = picture.height // 3
    assert [picture.getpixel((10, side // 2 + row * side)) for row in range(3)] == [0, 60, 120]


def test_a_great_circle_keeps_the_length():
    start, end = torch.nn.functional.normalize(torch.randn(2, 5, 8, dtype=torch.float64), dim=2)
    torch.testing.assert_close(sampling.great_circle(start, end, 0.0), start)
    torch.testing.assert_close(sampling.great_circle(start, end, 1.0), end)
    between = sampling.great_circle(start, end, 0.3).norm(dim=1)
    torch.testing.assert_close(between, torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("half", [0.5])
def test_half_way_along_a_great_circle_is_the_middle(half: float):
    start, end = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(sampling.great_circle(start, end, half), torch.tensor([[0.5**0.5, 0.5**0.5]]))


def test_a_walk_is_a_looping_gif(straight: Path):
    with Image.open(straight / "samples/walk.gif") as gif:
        assert getattr(gif, "n_frames", 1) > sampling.WALK_FRAMES
        assert gif.info["loop"] == 0
