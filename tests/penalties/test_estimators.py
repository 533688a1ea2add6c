"""Estimators at stated sizes: many draws in twelve dimensions, and aligned directions in convolutional nets."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from nablagan import penalties
from nablagan.types import Pair
from slopes import ComposedLayerNorm, assert_near, draws, gradient

COUNT, SIZE = 400_000, 12


def variance(distribution, directions, slope):
    """Of the estimate of |g|^2, over |g|^4: 2/K for normal draws, less for signs and for orthonormal directions."""
    return {
        penalties.gaussian: 2 / directions,
        penalties.rademacher: 2 * (1 - (slope**4).sum() / slope.square().sum() ** 2).item() / directions,
        penalties.orthonormal: 2 * (SIZE - directions) / (directions * (SIZE + 2)),
    }[distribution]


@pytest.mark.parametrize(
    ("distribution", "directions", "seed"),
    [(penalties.gaussian, 1, 1), (penalties.rademacher, 2, 2), (penalties.orthonormal, 5, 3)],
    ids=["gaussian", "rademacher", "orthonormal"],
)
def test_mean_and_variance_of_many_draws(distribution, directions, seed):
    """Within four standard errors of 400,000 draws."""
    slope = draws(SIZE, seed=seed)
    zeros = torch.zeros(COUNT, SIZE, dtype=torch.float64)
    pair = Pair(zeros, zeros, key=torch.arange(COUNT).unsqueeze(1) + 1000 * seed)
    estimates = 2 * penalties.r1(lambda x, label: x @ slope, pair, penalties.random_jvp(directions, distribution))
    estimates = estimates / slope.square().sum()
    for values, expected in ((estimates, 1.0), ((estimates - 1).square(), variance(distribution, directions, slope))):
        assert abs(values.mean().item() - expected) < 4 * values.std().item() / math.sqrt(COUNT)


class ChannelNorm(nn.Module):
    """A normalisation of the last axis, over the channels of images."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class ConvolutionalJudge(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.SiLU(), norm, nn.Conv2d(4, 4, 3, stride=2), nn.Tanh(), nn.Flatten()
        )
        self.head = nn.Linear(16, 1)

    def forward(self, x, label):
        return self.head(self.body(x)).squeeze(1)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("norm", ["group", "rms", "layer"])
def test_aligned_directions_in_convolutional_nets(norm, seed):
    """The parameter gradient of double backward: to 1e-12 by forward mode, to 1e-7 by differences of step 1e-4."""
    torch.manual_seed(seed)
    inside = {
        "group": nn.GroupNorm(2, 4),
        "rms": ChannelNorm(nn.RMSNorm(4)),
        "layer": ChannelNorm(ComposedLayerNorm(4)),
    }
    discriminator, pair = ConvolutionalJudge(inside[norm]).double(), Pair(draws(3, 2, 5, 5), draws(3, 2, 5, 5, seed=2))
    expected = gradient(penalties.r1(discriminator, pair), discriminator)
    for method, error in ((penalties.aligned_jvp, 1e-12), (partial(penalties.aligned_fd, step=1e-4), 1e-7)):
        assert_near(gradient(penalties.r1(discriminator, pair, method), discriminator), expected, error)
