"""Tiny generators with every weight at random, and their dense Jacobians."""

import torch

from nablagan.players import dcgan, mlp, r3gan

PLAYERS = {"mlp": mlp, "dcgan": dcgan, "r3gan": r3gan}


def generator(name, classes=0, dtype=torch.float64, latent_size=6):
    """A tiny generator of 8x8 images with every weight at random, r3gan's zeros too."""
    torch.manual_seed(0)
    net = PLAYERS[name].generator((1, 8, 8), latent_size=latent_size, classes=classes, size="tiny").to(dtype)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def dense(net, latent, label=None):
    """J of each sample, (N, values of an image, d), by jacrev."""
    labels = [None] * len(latent) if label is None else label.split(1)
    parts = [
        torch.func.jacrev(lambda z, y=y: net(z[None], y).flatten())(z) for z, y in zip(latent, labels, strict=True)
    ]
    return torch.stack(parts).detach()
