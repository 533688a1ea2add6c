"""Augmentation of pairs. Oracles: numpy's flip and pad, Pillow's resampling, tensors that hold their own place."""

import numpy as np
import pytest
import torch
from PIL import Image

from nablagan.data import PAIRED_DRAWS, paired_augment
from nablagan.types import InputError


def draws(count=1, **given):
    """Middle draws, which flip nothing and shift nothing, but for those that are given by place."""
    result = torch.full((count, PAIRED_DRAWS), 0.5)
    result[:, 5] = 0.0
    for place, value in given.items():
        result[:, int(place[1:])] = value
    return result


def images(channels=3, height=16, width=24, count=1, seed=0):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_middle_draws_change_no_bit():
    sample, source = images(), images(1, seed=1)
    moved = paired_augment(sample, draws(), source)
    assert torch.equal(moved.sample, sample)
    assert torch.equal(moved.source, source)
    assert moved.mask is None


def test_a_flip_is_numpy_s():
    sample = images(height=1, width=9)
    assert torch.equal(paired_augment(sample, draws(_0=0.1)).sample, sample.flip(3))
    assert torch.equal(paired_augment(sample, draws(_0=0.1), probability=0.1).sample, sample)
    assert torch.equal(paired_augment(sample, draws(_0=0.1), kinds=("shift",)).sample, sample)


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.5), (0.5, 0.0), (0.999, 0.999), (0.0, 0.999)])
def test_a_shift_brings_in_the_mirror_image(down, right):
    """Against a window of numpy's reflected padding."""
    sample = images()
    padded = np.pad(sample.numpy(), ((0, 0), (0, 0), (2, 2), (3, 3)), mode="reflect")
    top, left = 2 - (int(down * 5) - 2), 3 - (int(right * 7) - 3)
    expected = padded[:, :, top : top + 16, left : left + 24]
    np.testing.assert_array_equal(paired_augment(sample, draws(_3=down, _4=right)).sample, expected)


def test_a_zoom_is_pillow_s_linear_enlargement_of_the_middle():
    sample = images(1, 32, 32)
    moved = paired_augment(sample, draws(_5=0.999)).sample[0, 0]
    whole = Image.fromarray(sample[0, 0].numpy())
    expected = np.asarray(whole.resize((32, 32), Image.Resampling.BILINEAR, box=(2, 2, 30, 30)))
    np.testing.assert_allclose(moved[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-5)


def test_source_sample_and_mask_move_alike():
    """Each pixel holds its own place, so the source tells where the sample's pixel came from."""
    count = 200
    place = torch.arange(16 * 24.0).reshape(1, 1, 16, 24).repeat(count, 1, 1, 1)
    random = torch.rand(count, PAIRED_DRAWS, generator=torch.Generator().manual_seed(1))
    mask = (images(1, count=count) > 0).float()
    moved = paired_augment(place, random, torch.cat([place, -place], 1), mask, kinds=("flip", "shift"))
    assert torch.equal(moved.source, torch.cat([moved.sample, -moved.sample], 1))
    taken = moved.sample.long()
    assert torch.equal(moved.mask.flatten(1), mask.flatten(1).gather(1, taken.flatten(1)))
    assert len({one.numpy().tobytes() for one in moved.sample}) > 50
    zoomed = paired_augment(place, random, place, mask)
    assert torch.equal(zoomed.source, zoomed.sample)
    assert set(zoomed.mask.unique().tolist()) == {0.0, 1.0}


def test_a_sample_does_not_depend_on_its_batch():
    sample, source = images(count=8), images(1, count=8, seed=2)
    random = torch.rand(8, PAIRED_DRAWS, generator=torch.Generator().manual_seed(3))
    whole = paired_augment(sample, random, source)
    part = paired_augment(sample[5:], random[5:], source[5:])
    assert torch.equal(whole.sample[5:], part.sample)
    assert torch.equal(whole.source[5:], part.source)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3), (37, 53)])
def test_any_size(size):
    sample = images(1, *size, count=50)
    moved = paired_augment(sample, torch.rand(50, PAIRED_DRAWS)).sample
    assert moved.shape == sample.shape
    assert moved.min() >= sample.min()
    assert moved.max() <= sample.max()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": torch.rand(2, 3)}, r"draws \(2, 3\): give .* and \(batch, 6\)"),
        (
            {"source": torch.rand(2, 1, 8, 9)},
            r"the source has shape \(2, 1, 8, 9\), which is no partner of \(2, 3, 8, 8\)",
        ),
        ({"mask": torch.rand(1, 1, 8, 8)}, "the mask has shape"),
        ({"kinds": ("turn",)}, "augmentation 'turn' is unknown; choose among flip, shift, zoom"),
    ],
)
def test_what_does_not_fit(options, words):
    with pytest.raises(InputError, match=words):
        paired_augment(torch.rand(2, 3, 8, 8), **{"draws": torch.rand(2, PAIRED_DRAWS), **options})
