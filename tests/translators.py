"""Tiny players for translation and completion, and batches for them, in float64."""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from nablagan.types import Batch

SHAPE, SOURCE_SHAPE, LATENT = (1, 4, 6), (2, 4, 6), 2


class Translator(nn.Module):
    """(source, latent) -> image; two features from the encoder."""

    def __init__(self, shape, source_shape, latent_size=LATENT, classes=0):
        super().__init__()
        self.first = nn.Conv2d(source_shape[0], 3, 3, padding=1)
        self.gain = nn.Linear(latent_size, 3) if latent_size else None
        self.last = nn.Conv2d(3, shape[0], 3, padding=1)

    def encode(self, source):
        first = self.first(source).tanh()
        return [first, avg_pool2d(first, 2)]

    def forward(self, source, latent=None, features=False):
        inside = self.encode(source)
        x = inside[0] if self.gain is None else inside[0] * (1 + self.gain(latent))[:, :, None, None]
        return (self.last(x), inside) if features else self.last(x)


class PatchJudge(nn.Module):
    """(images, label, features) -> logits (batch, 6)."""

    def __init__(self, shape, source_shape=(0,), classes=0):
        super().__init__()
        self.first = nn.Conv2d(shape[0] + source_shape[0], 3, 3, padding=1)
        self.last = nn.Conv2d(3, 1, 2, stride=2)

    def forward(self, images, label=None, features=False):
        inside = self.first(images).tanh()
        logits = self.last(inside).flatten(1)
        return (logits, [inside]) if features else logits


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch_for(shape=SHAPE, source_shape=SOURCE_SHAPE, count=3):
    """Images of both domains, latents, draws, and masks of a box."""
    mask = torch.zeros(count, 1, *shape[1:], dtype=torch.float64)
    mask[:, :, 1:3, 1:4] = 1
    uniform = torch.linspace(0.1, 0.9, count, dtype=torch.float64).unsqueeze(1)
    real, source = draws(count, *shape, seed=2), draws(count, *source_shape, seed=3)
    return Batch(real, draws(count, LATENT, seed=4), mask=mask, augmentation=uniform, source=source)


def players(generator, discriminator):
    """Both in float64, built from one seed."""
    torch.manual_seed(0)
    return generator().double(), discriminator().double()
