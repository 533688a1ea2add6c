"""Discriminators of a few parameters in float64, and what plain double backward says of them."""

import torch
from torch import nn

from nablagan.types import Pair


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class ComposedLayerNorm(nn.Module):
    """Layer normalisation made of elementary operations."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(1 + 0.1 * torch.randn(width))

    def forward(self, x):
        x = x - x.mean(-1, keepdim=True)
        return self.gain * x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


class Net(nn.Module):
    """Two layers with something between, one logit a sample; any label is ignored."""

    def __init__(self, *inside, size=5):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(size, 8), nn.SiLU(), *inside, nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x, label):
        return self.body(x.flatten(1)).squeeze(1)


def net(*inside, size=5):
    torch.manual_seed(0)
    return Net(*inside, size=size).double()


def norms():
    torch.manual_seed(0)
    return {"none": (), "group": (nn.GroupNorm(2, 8),), "rms": (nn.RMSNorm(8),), "layer": (ComposedLayerNorm(8),)}


def pair_of(count=4, size=5):
    return Pair(draws(count, size), draws(count, size, seed=2), key=draws(count, 3, seed=3).float())


def slope(discriminator, x):
    """grad_x D, (batch, d), by plain double backward."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(discriminator(x, None).sum(), x, create_graph=True)[0].flatten(1)


def gradient(value, discriminator):
    """The gradient of the mean in the parameters, flat."""
    parameters = list(discriminator.parameters())
    return torch.cat([g.flatten() for g in torch.autograd.grad(value.mean(), parameters, materialize_grads=True)])


def assert_near(found, expected, relative):
    assert (found - expected).norm() <= relative * expected.norm(), (found - expected).norm() / expected.norm()
