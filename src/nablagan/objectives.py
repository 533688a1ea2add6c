"""Both players' objectives on a pair: a loss of its logits, and for the discriminator the weighted penalties."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.modules.batchnorm import _BatchNorm

from nablagan.penalties import Remembering, name_of, names_of
from nablagan.penalties.judging import of_rows
from nablagan.types import Discriminator, InputError, Loss, Outcome, Pair, Penalty, PlayerLosses

Weight = float | Callable[[int], float]
"""A weight, or a function of the images seen that gives it."""


def generator_objective(loss: Loss, judge: Discriminator, pair: Pair) -> Outcome:
    """L_G of the pair's logits, (batch,).

    Measure `separation`: softplus(a - b), whatever the loss; log 2 where the discriminator cannot tell the two apart.
    """
    real_logits, fake_logits = _judged(judge, pair.real, pair.label), _judged(judge, pair.fake, pair.label)
    return Outcome(loss(real_logits, fake_logits).generator, {"separation": softplus(real_logits - fake_logits)})


def discriminator_objective(
    loss: Loss,
    penalties: Mapping[Penalty, Weight],
    judge: Discriminator,
    pair: Pair,
    names: Sequence[str] | None = None,
) -> Outcome:
    """L_D + sum of weight times penalty, (batch,).

    Measures `real_logits`, `fake_logits` and, unweighted, `penalty_NAME`. With penalties the pair's logits serve them
    too, where each sample has one. Where a loss takes several for a sample (patches), penalties look at their mean. A
    weight that is a function takes the pair's images_seen. `names` are the penalties' own if not given.
    """
    if penalties:
        judge = Remembering(judge)
    real_logits = _judged(judge, pair.real, pair.label)
    critic = Averaged(judge) if real_logits.ndim > 1 and isinstance(judge, Remembering) else judge
    # Before the loss: what a penalty puts off to the backward pass is then done when most of the loss's graph is gone.
    values = [penalty(critic, pair) for penalty in penalties]
    fake_logits = _judged(judge, pair.fake, pair.label)
    total = loss(real_logits, fake_logits).discriminator
    measures = {"real_logits": real_logits, "fake_logits": fake_logits}
    for name, weight, value in zip(names or names_of(penalties), penalties.values(), values, strict=True):
        measures[f"penalty_{name}"] = value
        total = total + weight_at(weight, pair.images_seen or 0) * value
    return Outcome(total, measures)


class MeanLogit:
    """A discriminator with several logits for a sample, as one that gives their mean, (batch,)."""

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self.discriminator(images, label).flatten(1).mean(1)

    def rows(self, indices: Tensor) -> "MeanLogit":
        """The same for samples that are the given rows of the batch."""
        return MeanLogit(of_rows(self.discriminator, indices))


class Averaged(Remembering):
    """`MeanLogit` of a discriminator that remembers: a penalty and the loss share its passes."""

    def __init__(self, memory: Remembering) -> None:
        super().__init__(MeanLogit(memory.discriminator))
        self._memory = memory

    def _judge(self, images: Tensor, label: Tensor | None) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor]]]:
        logits, pullback = self._memory._judge(images, label)
        part = logits.flatten(1).shape[1]

        def averaged(cotangent: Tensor) -> tuple[Tensor]:
            each = (cotangent / part).view(-1, *[1] * (logits.ndim - 1))
            return pullback(each.expand_as(logits))

        return logits.flatten(1).mean(1), averaged


def patchwise(loss: Loss) -> Loss:
    """The loss of logits (batch, ...): the mean over a sample's patches, (batch,), real and fake paired by place.

    The function returned raises InputError for logits of two shapes.
    """

    def by_patch(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
        if real_logits.shape != fake_logits.shape:
            raise InputError(f"real logits {tuple(real_logits.shape)}, fake {tuple(fake_logits.shape)}: shapes differ")
        losses = loss(real_logits.flatten(), fake_logits.flatten())
        return PlayerLosses(*(value.reshape(len(real_logits), -1).mean(1) for value in losses))

    return by_patch


def weight_at(weight: Weight, images_seen: int) -> float:
    """The weight after that many images."""
    return weight(images_seen) if callable(weight) else weight


def check_penalties(penalties: Mapping[Any, Weight], player: nn.Module, name: str) -> None:
    """Raise InputError for a negative weight, and for penalties on a player with batch normalisation."""
    for penalty, weight in penalties.items():
        if not callable(weight) and not weight >= 0:
            raise InputError(f"the weight of penalty {name_of(penalty)} is {weight}: give a number >= 0")
    coupling = [path for path, module in player.named_modules() if isinstance(module, _BatchNorm)]
    if penalties and coupling:
        raise InputError(
            f"the {name}'s {coupling[0]} is a batch normalisation, so a sample has no gradient of its own: "
            "use nn.GroupNorm, or no penalties"
        )


def _judged(judge: Discriminator, images: Tensor, label: Tensor | None) -> Tensor:
    """Logits in float32 or better: a half-precision one would lose the differences that losses are made of."""
    logits = judge(images, label)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
