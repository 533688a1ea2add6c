"""Fully connected players for any shape: points, or flattened small images."""

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.functional import silu

from nablagan.players import layers

SIZES = {"tiny": (32, 32), "small": (128, 128, 128), "base": (512, 512, 512)}
"""Widths of the hidden layers."""
Activation = Callable[[Tensor], Tensor]


class Layers(nn.Module):
    """Linear layers with an activation after each, (batch, inputs) -> (batch, widths[-1])."""

    def __init__(self, inputs: int, widths: Sequence[int], activation: Activation) -> None:
        super().__init__()
        pairs = zip((inputs, *widths), widths, strict=False)
        self.linears = nn.ModuleList([layers.Linear(a, b, layers.LEAKY_RELU_GAIN) for a, b in pairs])
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        for linear in self.linears:
            x = self.activation(linear(x))
        return x


class Generator(nn.Module):
    """(latent, label) -> samples (batch, *shape), linear in the last hidden layer: no tanh."""

    def __init__(
        self,
        shape: Sequence[int],
        latent_size: int,
        classes: int,
        widths: Sequence[int],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.start = layers.LatentAndLabel(latent_size, classes)
        self.hidden = Layers(self.start.width, widths, activation)
        self.out = layers.Linear((self.start.width, *widths)[-1], math.prod(shape))

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        start = self.start(latent.to(layers.master_dtype(self)), label)
        return self.out(self.hidden(start)).reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """(samples, label) -> logits (batch,)."""

    def __init__(self, shape: Sequence[int], classes: int, widths: Sequence[int], activation: Activation) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = Layers(math.prod(shape), widths, activation)
        self.judgement = layers.Judgement((math.prod(shape), *widths)[-1], classes)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        layers.check_samples(images, self.shape, "a sample batch")
        features = images.to(layers.master_dtype(self)).flatten(1)
        return self.judgement(self.hidden(features), label)


def generator(
    shape: Sequence[int],
    latent_size: int = 64,
    classes: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    activation: Activation = silu,
) -> Generator:
    """A generator of samples (batch, *shape); the label's embedding is appended to the latent.

    `widths` of the hidden layers replace those of `size` (tiny, small, base; another word raises InputError).
    SiLU is smooth, so second derivatives exist everywhere.

    >>> import torch
    >>> generator((2,), latent_size=8, size="tiny")(torch.zeros(5, 8)).shape
    torch.Size([5, 2])
    """
    widths = layers.size_named(size, SIZES) if widths is None else widths
    return Generator(shape, latent_size, classes, widths, activation)


def discriminator(
    shape: Sequence[int],
    classes: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    activation: Activation = silu,
) -> Discriminator:
    """A discriminator of samples, with projection on the class embedding; sizes and errors as in `generator`.

    >>> import torch
    >>> discriminator((1, 28, 28), size="tiny")(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5])
    """
    widths = layers.size_named(size, SIZES) if widths is None else widths
    return Discriminator(shape, classes, widths, activation)
