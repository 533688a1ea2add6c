"""DiffAugment against plain loops in numpy after the paper's published code, and against finite differences."""

import math

import numpy as np
import pytest
import torch

from nablagan.data import DRAWS, diffaugment
from nablagan.data.augment import KINDS
from nablagan.types import InputError

SHAPES = [(3, 8, 8), (1, 9, 12), (3, 16, 10), (5, 7, 7)]


def inputs(shape=(3, 8, 8), count=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, *shape, generator=generator, dtype=torch.float64) * 2 - 1
    return images, torch.rand(count, DRAWS, generator=generator, dtype=torch.float64)


def color(image, draws):
    image = image + draws[3] - 0.5
    mean = image.mean(axis=0, keepdims=True)
    image = (image - mean) * 2 * draws[4] + mean
    mean = image.mean()
    return (image - mean) * (draws[5] + 0.5) + mean


def translation(image, draws):
    result = np.zeros_like(image)
    _, height, width = image.shape
    most = [int(side / 8 + 0.5) for side in (height, width)]
    down, right = (math.floor(draws[6 + axis] * (2 * most[axis] + 1)) - most[axis] for axis in (0, 1))
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, row, column] = image[:, row - down, column - right]
    return result


def cutout(image, draws):
    """Indices clamped to the image, as in the published code."""
    result = image.copy()
    _, height, width = image.shape
    sizes = [int(side / 2 + 0.5) for side in (height, width)]
    offsets = [
        math.floor(draws[8 + axis] * (side + 1 - size % 2))
        for axis, (side, size) in enumerate(zip((height, width), sizes, strict=True))
    ]
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            row = min(max(offsets[0] + i - sizes[0] // 2, 0), height - 1)
            column = min(max(offsets[1] + j - sizes[1] // 2, 0), width - 1)
            result[:, row, column] = 0
    return result


ORACLES = {"color": color, "translation": translation, "cutout": cutout}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kinds", [("color",), ("translation",), ("cutout",), KINDS, ("cutout", "color")])
def test_every_kind_is_the_paper_s(shape, kinds):
    images, draws = inputs(shape, count=40)
    expected = images.numpy()
    for kind in kinds:
        expected = np.stack([ORACLES[kind](image, draw) for image, draw in zip(expected, draws.numpy(), strict=True)])
    np.testing.assert_allclose(diffaugment(images, draws, kinds).numpy(), expected, atol=1e-12)


def test_probability_zero_is_the_identity_and_half_changes_about_half():
    images, draws = inputs(count=400)
    assert torch.equal(diffaugment(images, draws, probability=0.0), images)
    for kind in KINDS:
        changed = (diffaugment(images, draws, (kind,), 0.5) != images).flatten(1).any(1)
        expected = draws[:, KINDS.index(kind)] < 0.5
        assert not changed[~expected].any()
        assert changed[expected].float().mean() > 0.8  # a shift may be by nothing


def test_no_kinds_is_the_identity():
    images, draws = inputs()
    assert diffaugment(images, draws, ()) is images


def test_the_same_draws_change_real_and_fake_alike():
    """Affine with the same coefficients: differences between two batches are augmented without the constants."""
    real, draws = inputs(seed=1)
    fake, _ = inputs(seed=2)
    half = diffaugment((real + fake) / 2, draws)
    torch.testing.assert_close(half, (diffaugment(real, draws) + diffaugment(fake, draws)) / 2)
    ones = torch.ones_like(real)
    for kinds in (("translation",), ("cutout",)):
        where = diffaugment(ones, draws, kinds)
        assert torch.equal(where, diffaugment(ones * 0.5, draws, kinds) * 2)


def test_each_sample_is_changed_by_its_own_draws_alone():
    images, draws = inputs()
    together = diffaugment(images, draws)
    for index in range(len(images)):
        assert torch.equal(diffaugment(images[index : index + 1], draws[index : index + 1])[0], together[index])


def test_it_is_differentiable_twice():
    images, draws = inputs((2, 5, 5), count=2)

    def smooth(x):
        return diffaugment(x, draws).pow(3).flatten(1).sum(1)

    x = images.requires_grad_()
    assert torch.autograd.gradcheck(smooth, x)
    assert torch.autograd.gradgradcheck(smooth, x)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_forward_mode_agrees_with_reverse_mode_and_composes_with_it():
    images, draws = inputs((3, 6, 6), count=3)
    tangent = torch.randn(images.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def value(x):
        return diffaugment(x, draws).pow(3).sum()

    gradient = torch.func.grad(value)
    _, slope = torch.func.jvp(value, (images,), (tangent,))
    torch.testing.assert_close(slope, (gradient(images) * tangent).sum())
    _, bend = torch.func.jvp(gradient, (images,), (tangent,))
    step = 1e-6
    finite = (gradient(images + step * tangent) - gradient(images - step * tangent)) / (2 * step)
    torch.testing.assert_close(bend, finite, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_images_keep_their_type_and_draws_may_round_up_to_one(dtype):
    images = torch.ones(4, 3, 8, 8, dtype=dtype)
    result = diffaugment(images, torch.ones(4, DRAWS, dtype=dtype), probability=2.0)
    assert result.dtype == dtype
    assert result.isfinite().all()


@pytest.mark.parametrize(
    ("shape", "draws", "kinds", "words"),
    [
        ((2, 8, 8), (2, DRAWS), KINDS, r"needs images \(batch, C, H, W\), not shape \(2, 8, 8\)"),
        ((2, 3, 8, 8), (3, DRAWS), KINDS, r"draws must have shape \(2, 10\), not \(3, 10\)"),
        ((2, 3, 8, 8), (2, 9), KINDS, r"draws must have shape \(2, 10\), not \(2, 9\)"),
        ((2, 3, 8, 8), (2, DRAWS), ("blur",), "augmentation 'blur' is unknown; choose among color"),
    ],
)
def test_wrong_shapes_and_names_are_refused(shape, draws, kinds, words):
    with pytest.raises(InputError, match=words):
        diffaugment(torch.zeros(shape), torch.zeros(draws), kinds)
