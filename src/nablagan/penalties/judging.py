"""A discriminator as penalties ask it: remembered logits, gradients with respect to images, some rows of a batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nablagan.elementary import plain_attention
from nablagan.refusals import explained
from nablagan.types import Discriminator


def input_gradient(discriminator: Discriminator, images: Tensor, label: Tensor | None) -> Tensor:
    """The gradient of each sample's logit with respect to that sample, shaped like `images`, itself differentiable.

    With a `Remembering` discriminator that has judged the same tensor already, no further forward pass is made.
    """
    return remembered(discriminator).gradient(images, label)


def half_squared_norm(gradient: Tensor) -> Tensor:
    """Half the squared Euclidean norm of each sample's gradient, (batch,)."""
    return 0.5 * gradient.flatten(1).square().sum(1)


class Remembering:
    """A discriminator that judges each tensor once; as well a generator, of latents.

    Logits and, when a penalty asks, their gradient with respect to the images come from one forward pass: with R1 and
    R2 that saves two of six forward passes. Tensors are recognised by identity, so it lives for one evaluation of the
    game. Derivatives pass through it to any order: attention is computed without its fused kernels, which have only
    first ones. Raises InputError for what torch.func cannot differentiate (a checkpoint, for instance).
    """

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator
        self._judged: list[tuple[Tensor, Tensor | None, Tensor, Callable[[Tensor], tuple[Tensor]]]] = []

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self._judge(images, label)[0]

    def gradient(self, images: Tensor, label: Tensor | None) -> Tensor:
        """The gradient of each sample's logit with respect to that sample, shaped like `images`."""
        logits, pullback = self._judge(images, label)
        return pullback(torch.ones_like(logits))[0]

    def transposed(self, images: Tensor, label: Tensor | None, cotangent: Tensor) -> Tensor:
        """J^T times `cotangent` (like the output), shaped like `images`, with J the Jacobian in each sample."""
        return self._judge(images, label)[1](cotangent)[0]

    def _judge(self, images: Tensor, label: Tensor | None) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor]]]:
        for seen_images, seen_label, logits, pullback in self._judged:
            if seen_images is images and seen_label is label:
                return logits, pullback
        module = module_of(self.discriminator)
        with explained(*([] if module is None else [module])), plain_attention():
            logits, pullback, *_ = torch.func.vjp(lambda x: self.discriminator(x, label), images)
        self._judged.append((images, label, logits, pullback))
        return logits, pullback


def remembered(player: Discriminator) -> Remembering:
    """The player with a memory: the one it has, or a new one."""
    return player if isinstance(player, Remembering) else Remembering(player)


def bare(discriminator: Discriminator) -> Discriminator:
    """The discriminator without a memory."""
    return discriminator.discriminator if isinstance(discriminator, Remembering) else discriminator


def of_rows(discriminator: Discriminator, rows: Tensor) -> Discriminator:
    """The discriminator, without a memory, for samples that are the given rows (indices, int64) of its batch.

    One that treats rows differently (augmentation draws for each sample) says how by a method `rows(indices)`.
    """
    discriminator = bare(discriminator)
    choose = getattr(discriminator, "rows", None)
    return discriminator if choose is None or isinstance(discriminator, nn.Module) else choose(rows)


def module_of(discriminator: Any) -> nn.Module | None:
    """The module that judges: the discriminator itself, or what wrappers hold as their attribute `discriminator`.

    None for a plain function, which cannot be looked into.
    """
    while discriminator is not None and not isinstance(discriminator, nn.Module):
        discriminator = getattr(discriminator, "discriminator", None)
    return discriminator
