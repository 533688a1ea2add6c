"""The smooth continuation against scikit-image's biharmonic completion, and on images where the answer is known."""

import numpy as np
import pytest
import torch
from skimage import data, restoration
from torch import Tensor

from nablagan.tasks.continuation import continued


def box(height: int, width: int, top: int, left: int, side: int) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., top : top + side, left : left + side] = 1
    return mask


def error_in(mask: Tensor, found: Tensor, truth: Tensor) -> float:
    return float((found - truth).abs()[mask.expand_as(truth) > 0].mean())


@pytest.mark.parametrize("side", [3, 8, 20])
def test_photographs_are_continued_about_as_well_as_by_scikit_image(side: int):
    photo = torch.from_numpy(data.astronaut()[100:356:4, 100:356:4]).permute(2, 0, 1)[None].double() / 255
    ours = theirs = 0.0
    for top, left in [(4, 9), (20, 30), (35, 12), (40, 40)]:
        mask = box(64, 64, top, left, side).double()
        solved = restoration.inpaint_biharmonic(
            photo[0].permute(1, 2, 0).numpy(), mask[0, 0].numpy() > 0, channel_axis=-1
        )
        ours += error_in(mask, continued(photo, mask), photo)
        theirs += error_in(mask, torch.from_numpy(solved).permute(2, 0, 1)[None], photo)
    assert ours < 1.25 * theirs


@pytest.mark.parametrize("size", [(37, 53), (64, 64), (1, 9)])
def test_what_is_constant_goes_on_constant(size: tuple[int, int]):
    image = torch.full((2, 3, *size), 0.3, dtype=torch.float64)
    mask = (torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0)) < 0.7).double()
    assert torch.allclose(continued(image, mask), image, atol=1e-12)


def test_known_pixels_keep_their_bits_and_hidden_ones_are_not_looked_at():
    generator = torch.Generator().manual_seed(0)
    image, mask = torch.rand(1, 2, 19, 30, generator=generator), box(19, 30, 3, 20, 10)
    hidden = torch.where(mask > 0, torch.nan, image)
    found = continued(hidden, mask)
    assert torch.equal(found, continued(image, mask))
    known = (mask == 0).expand_as(image)
    assert torch.equal(found[known], image[known])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (65, 61)])
def test_a_ramp_goes_on(height: int, width: int):
    """Its Laplacian is 0: the error is what is left after the rounds, whether sides can be halved or not."""
    ramp = torch.linspace(-1, 1, width).expand(1, 1, height, width)
    mask = box(height, width, height // 3, width - 16, 12)
    assert error_in(mask, continued(ramp, mask), ramp) < 0.02


def test_what_a_mask_half_hides_is_missing():
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    whole, half = box(16, 16, 5, 5, 6), 0.5 * box(16, 16, 5, 5, 6)
    assert torch.equal(continued(image, half), continued(image, whole))


def test_the_ends():
    image = torch.rand(1, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(continued(image, torch.zeros(1, 1, 5, 7)), image)
    assert torch.equal(continued(image, torch.ones(1, 1, 5, 7)), torch.zeros(1, 1, 5, 7))
    assert np.isfinite(continued(image[..., :1, :1], torch.ones(1, 1, 1, 1)).item())
