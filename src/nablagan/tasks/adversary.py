"""One discriminator's part of a translation game: a loss by patches, penalties, matching of its features."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nablagan.objectives import Weight, discriminator_objective, generator_objective, patchwise
from nablagan.penalties.judging import of_rows
from nablagan.types import Batch, Loss, Outcome, Pair, Penalty


class Conditioned:
    """A discriminator that sees each sample beside its condition (batch, channels, h, w), as further channels.

    Penalties so take gradients with respect to the samples alone.
    """

    def __init__(self, discriminator: Any, condition: Tensor) -> None:
        self.discriminator, self.condition = discriminator, condition

    def __call__(self, images: Tensor, label: Tensor | None, *features: bool) -> Any:
        return self.discriminator(torch.cat([images, self.condition], 1), label, *features)

    def rows(self, indices: Tensor) -> "Conditioned":
        """The same for samples that are the given rows of the batch."""
        return Conditioned(of_rows(self.discriminator, indices), self.condition[indices])


@dataclass(frozen=True)
class Adversary:
    """What both players want of one discriminator, called with (images, label[, features])."""

    loss: Loss
    penalties: Mapping[Penalty, Weight] = field(default_factory=dict)
    feature_matching: float = 0.0
    """Weight of the mean absolute difference of its features on the real and the generated sample of a pair."""

    weight: float = 1.0
    """Of the loss in what the generator wants; 0 leaves the discriminator to itself."""

    def persuaded(self, judge: Any, pair: Pair) -> Outcome:
        """The generator's part of the loss (batch,), with measures `separation` and `feature_matching`."""
        if not self.feature_matching:
            loss, measures = generator_objective(patchwise(self.loss), judge, pair)
            return Outcome(self.weight * loss, measures)
        seen = Seen(judge)
        loss, measures = generator_objective(patchwise(self.loss), seen, pair)
        difference = feature_difference(*seen.features)
        return Outcome(
            self.weight * loss + self.feature_matching * difference, measures | {"feature_matching": difference}
        )

    def taught(self, judge: Any, pair: Pair) -> Outcome:
        """The discriminator's loss (batch,), with the measures of `discriminator_objective`."""
        return discriminator_objective(patchwise(self.loss), self.penalties, judge, pair)


def pair_of(images: Tensor, batch: Batch) -> Pair:
    """The batch's real samples and what was made for them."""
    return Pair(batch.real, images, batch.label, batch.latent, batch.images_seen)


class Seen:
    """A discriminator whose features are kept, one list for each call."""

    def __init__(self, judge: Any) -> None:
        self.judge = judge
        self.features: list[list[Tensor]] = []

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        logits, features = self.judge(images, label, True)
        self.features.append(features)
        return logits


def feature_difference(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """The mean over layers of the mean absolute difference, (batch,) (Wang et al. 2018, pix2pixHD, equation 4)."""
    return torch.stack([distance(a, b) for a, b in zip(real, fake, strict=True)]).mean(0)


def distance(first: Tensor, second: Tensor) -> Tensor:
    """The mean absolute difference of each sample, (batch,)."""
    return (first - second).abs().flatten(1).mean(1)
