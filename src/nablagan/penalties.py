"""Penalties on the discriminator: functions `(discriminator, pair) -> (batch,)`; their weight is kept by the game.

One weight convention: with weight gamma the discriminator's loss gains (gamma / 2) E||grad_x D||^2.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from nablagan.types import Discriminator, Pair


def r1(discriminator: Discriminator, pair: Pair) -> Tensor:
    """Half the squared gradient of the logit at real samples, (batch,) (Mescheder et al. 2018, equation 9).

    Exact, by double backward. The discriminator must not couple samples (no BatchNorm) nor change a buffer in place.

    >>> images = torch.tensor([[3.0, 4.0]])
    >>> r1(lambda x, label: x.square().sum(1) / 2, Pair(images, images))
    tensor([12.5000])
    """
    return half_squared_norm(input_gradient(discriminator, pair.real, pair.label))


def r2(discriminator: Discriminator, pair: Pair) -> Tensor:
    """Half the squared gradient of the logit at generated samples, (batch,) (Mescheder et al. 2018, equation 10).

    >>> images = torch.tensor([[3.0, 4.0]])
    >>> r2(lambda x, label: x.square().sum(1) / 2, Pair(torch.zeros(1, 2), images))
    tensor([12.5000])
    """
    return half_squared_norm(input_gradient(discriminator, pair.fake, pair.label))


def input_gradient(discriminator: Discriminator, images: Tensor, label: Tensor | None) -> Tensor:
    """The gradient of each sample's logit with respect to that sample, shaped like `images`, itself differentiable.

    With a `Remembering` discriminator that has judged the same tensor already, no further forward pass is made.
    """
    if not isinstance(discriminator, Remembering):
        discriminator = Remembering(discriminator)
    return discriminator.gradient(images, label)


def half_squared_norm(gradient: Tensor) -> Tensor:
    """Half the squared Euclidean norm of each sample's gradient, (batch,)."""
    return 0.5 * gradient.flatten(1).square().sum(1)


class Remembering:
    """A discriminator that judges each tensor once.

    Logits and, when a penalty asks, their gradient with respect to the images come from one forward pass: with R1 and
    R2 that saves two of six forward passes. Tensors are recognised by identity, so it lives for one evaluation of the
    game. Derivatives pass through it to any order.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        self._discriminator = discriminator
        self._judged: list[tuple[Tensor, Tensor | None, Tensor, Callable[[Tensor], tuple[Tensor]]]] = []

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self._judge(images, label)[0]

    def gradient(self, images: Tensor, label: Tensor | None) -> Tensor:
        """The gradient of each sample's logit with respect to that sample, shaped like `images`."""
        logits, pullback = self._judge(images, label)
        return pullback(torch.ones_like(logits))[0]

    def _judge(self, images: Tensor, label: Tensor | None) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor]]]:
        for seen_images, seen_label, logits, pullback in self._judged:
            if seen_images is images and seen_label is label:
                return logits, pullback
        logits, pullback, *_ = torch.func.vjp(lambda x: self._discriminator(x, label), images)
        self._judged.append((images, label, logits, pullback))
        return logits, pullback
