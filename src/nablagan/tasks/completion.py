"""Completion: an image with a hole to the whole image; what is known is copied through."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nablagan.game import Game
from nablagan.objectives import Weight, check_penalties
from nablagan.tasks.adversary import Adversary, Conditioned, pair_of
from nablagan.tasks.continuation import continued
from nablagan.tasks.translation import Distance, apart, check_weights, resembling
from nablagan.types import Batch, InputError, Loss, Outcome, Penalty


def completion(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    penalties: Mapping[Penalty, Weight] | None = None,
    adversarial: float = 1.0,
    hole: float = 0.0,
    known: float = 10.0,
    feature_matching: float = 100.0,
    perceptual: Distance | None = None,
    perceptual_weight: float = 30.0,
    diversity: float = 0.0,
    **options: Any,
) -> Game:
    """The game of completion as LaMa plays it (Suvorov et al. 2022, equation 6), with any loss and penalties.

    G(known pixels, smoothly `continued`, and mask (batch, C + 1, h, w), latent) paints the whole image; the completed
    one takes its hole from it and the rest from the input, exactly. L_G = `adversarial` times the loss's + `hole` and
    `known` times the mean absolute difference over the pixels of each + `feature_matching` and `diversity` as in
    `translation` + `perceptual_weight` times `perceptual`(truth, completed). The discriminator sees the completed
    image, or the real one, beside the mask. Batches need `mask`. Measures: `hole`, `known`, `feature_matching`,
    `perceptual`, and those of `generation`.
    # Unlike the paper: the discriminator is told the mask and judges every patch, instead of only those with a hole.
    """
    check_weights(hole=hole, known=known, feature_matching=feature_matching, diversity=diversity)
    check_weights(adversarial=adversarial, perceptual=perceptual_weight)
    check_penalties(dict(penalties or {}), discriminator, "discriminator")
    adversary = Adversary(loss, dict(penalties or {}), feature_matching, adversarial)

    def play(generator: Callable[..., Tensor], batch: Batch) -> Completed:
        mask = mask_of(batch)
        given = with_hole(batch.real, mask)
        painted = generator(given, batch.latent)
        others = (composed(batch.real, generator(given, -batch.latent), mask),) if diversity else ()
        return Completed(composed(batch.real, painted, mask), painted, others)

    def generator_loss(discriminator: Any, fake: Completed, batch: Batch) -> Outcome:
        mask = mask_of(batch)
        total, measures = adversary.persuaded(judge(discriminator, batch), pair_of(fake.images, batch))
        difference = (batch.real - fake.painted).abs()
        measures |= {"hole": mean_over(difference, mask), "known": mean_over(difference, 1 - mask)}
        total = total + hole * measures["hole"] + known * measures["known"]
        outcome = resembling(Outcome(total, measures), fake, batch, perceptual, perceptual_weight)
        return apart(outcome, fake, batch, diversity)

    def discriminator_loss(discriminator: Any, fake: Completed, batch: Batch) -> Outcome:
        return adversary.taught(judge(discriminator, batch), pair_of(fake.images, batch))

    def judge(discriminator: Any, batch: Batch) -> Conditioned:
        return Conditioned(discriminator, mask_of(batch))

    return Game(generator, discriminator, play, generator_loss, discriminator_loss, judge=judge, **options)


class Completed(NamedTuple):
    """What the generator makes of a batch of images with holes."""

    images: Tensor
    """Known pixels as they were, the hole painted."""
    painted: Tensor
    """All of what the generator painted."""
    others: tuple[Tensor, ...] = ()
    """Completed with the opposite latents, where diversity counts."""


def with_hole(images: Tensor, mask: Tensor) -> Tensor:
    """What a generator is given: what is known, continued smoothly in [-1, 1], and the mask as a further channel."""
    return torch.cat([torch.where(mask > 0, continued(images, mask).clamp(-1, 1), images), mask], 1)


def composed(images: Tensor, painted: Tensor, mask: Tensor) -> Tensor:
    """The images with their hole from what was painted; all else the same bits."""
    return torch.where(mask > 0, painted, images)


def mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of values (batch, channels, h, w) where the mask (batch, 1, h, w) is 1, (batch,); 0 if nowhere."""
    weight = mask.expand_as(values).flatten(1)
    return (values.flatten(1) * weight).sum(1) / weight.sum(1).clamp_min(1)


def mask_of(batch: Batch) -> Tensor:
    """The batch's mask. Raises InputError without one."""
    if batch.mask is None:
        raise InputError("this batch has no mask of what is missing: give Batch(..., mask=mask (batch, 1, h, w))")
    return batch.mask
