"""Sizes that can be built by doubling, initial scales, labels and the errors for wrong input."""

import itertools

import pytest
import torch
from torch import nn

from nablagan import players
from nablagan.players import layers
from nablagan.types import InputError


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((32, 32), (4, 4, 3)),
        ((28, 28), (7, 7, 2)),
        ((48, 64), (6, 8, 3)),
        ((96, 64), (6, 4, 4)),
        ((256, 256), (4, 4, 6)),
        ((8, 16), (4, 8, 1)),
        ((36, 36), (9, 9, 2)),
        ((96, 32), (12, 4, 3)),
        ((100, 60), (25, 15, 2)),
        ((64, 256), (4, 16, 4)),
        ((7, 7), (7, 7, 0)),
        ((2, 3), (2, 3, 0)),
        ((6, 6), (6, 6, 0)),
    ],
)
def test_stages(size, expected):
    assert layers.stages(*size) == expected


def usable(height, width):
    try:
        base_height, base_width, doublings = layers.stages(height, width)
    except InputError:
        return False
    assert (base_height << doublings, base_width << doublings) == (height, width)
    return True


def test_an_unusable_size_is_told_the_nearest_usable_one():
    """Oracle: the smallest distance over all usable sizes up to 64."""
    sizes = [size for size in itertools.product(range(1, 65), repeat=2) if usable(*size)]
    for height, width in itertools.product(range(1, 33, 3), range(2, 33, 3)):
        if usable(height, width):
            continue
        with pytest.raises(InputError, match="nearest usable size is") as error:
            layers.stages(height, width)
        nearest = tuple(map(int, str(error.value).rsplit(" ", 1)[1].split("x")))
        assert usable(*nearest)
        distance = min(abs(h - height) + abs(w - width) for h, w in sizes)
        assert abs(nearest[0] - height) + abs(nearest[1] - width) == distance, (height, width, nearest)


@pytest.mark.parametrize("size", [(30, 30), (64, 1024), (9, 9), (0, 4), (-4, 4), (132, 132)])
def test_unusable_sizes(size):
    with pytest.raises(InputError, match="nearest usable size is"):
        layers.stages(*size)


def test_parameter_count_counts_every_number():
    assert players.parameter_count(nn.Conv2d(3, 5, 3)) == 3 * 5 * 9 + 5


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (layers.Linear(400, 300, gain=3.0), 400),
        (layers.Convolution(64, 64, 3, gain=3.0), 576),
        (layers.Convolution(64, 64, 3, groups=4, gain=3.0), 144),
    ],
)
def test_weights_start_at_gain_over_root_fan_in(layer, fan_in):
    assert layer.weight.std().item() == pytest.approx(3 / fan_in**0.5, rel=0.05)
    assert layer.weight.mean().abs() < 0.05 * layer.weight.std()
    assert layer.bias.abs().max() == 0


def test_leaky_relu_gain_keeps_the_second_moment():
    draws = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    assert layers.leaky_relu(layers.LEAKY_RELU_GAIN * draws).square().mean().item() == pytest.approx(1, rel=0.02)


def test_pixel_norm_gives_unit_root_mean_square_at_each_pixel():
    x = 7 * torch.randn(2, 16, 3, 5, generator=torch.Generator().manual_seed(0))
    normed = layers.PixelNorm(16)(x)
    torch.testing.assert_close(normed.square().mean(1), torch.ones(2, 3, 5))
    torch.testing.assert_close(normed[0] / normed[0].norm(), x[0] / x[0].norm(), rtol=0.5, atol=0.5)


def test_judgement_is_linear_plus_projection():
    torch.manual_seed(0)
    judgement = layers.Judgement(8, classes=3)
    features, label = torch.randn(4, 8), torch.tensor([0, 2, 2, 1])
    weight, bias = judgement.linear.weight[0], judgement.linear.bias[0]
    expected = [
        h @ (weight + judgement.embedding.weight[y] / 8**0.5) + bias for h, y in zip(features, label, strict=True)
    ]
    torch.testing.assert_close(judgement(features, label), torch.stack(expected))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "no label: this player has 3 classes"),
        (torch.tensor([0, 3]), "out of range: this player has classes 0 to 2"),
        (torch.tensor([0, -1]), "out of range"),
        (torch.tensor([0.0, 1.0]), "give int64 class indices"),
        (torch.tensor([0]), "for 2 samples"),
        (torch.tensor([[0], [1]]), "for 2 samples"),
    ],
)
def test_wrong_labels(label, message):
    with pytest.raises(InputError, match=message):
        layers.LabelEmbedding(3, 8)(label, 2)
