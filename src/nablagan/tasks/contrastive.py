"""Translation without pairs in one direction: a place of the output must look like its own place of the input."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nablagan.game import Game
from nablagan.objectives import Weight, check_penalties
from nablagan.players.contrastive import Compared, Contrasted
from nablagan.tasks.adversary import Adversary, pair_of
from nablagan.tasks.translation import check_weights, source_of
from nablagan.types import Batch, InputError, Loss, Outcome, Penalty

TEMPERATURE = 0.07


def contrastive(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    penalties: Mapping[Penalty, Weight] | None = None,
    contrast: float = 1.0,
    **options: Any,
) -> Game:
    """The game of CUT (Park et al. 2020, equation 5), with any loss and penalties.

    L_G = adversarial + `contrast` times PatchNCE (equation 3: 64 places an image, the other places of the same image
    as negatives, temperature 0.07, mean over layers) of sources and, if the generator keeps (`players.contrastive`),
    of targets, half each. Batches need `source`, `real` and `augmentation`, whose first column says which places.
    Measures: `contrast`, and those of `generation`.
    # Unlike the paper: gradients also flow through the input's features, as the loss says.
    """
    check_weights(contrast=contrast)
    check_penalties(dict(penalties or {}), discriminator, "discriminator")
    adversary = Adversary(loss, dict(penalties or {}))

    def play(generator: Any, batch: Batch) -> Contrasted:
        if batch.augmentation is None:
            raise InputError(
                "this batch has no draws to choose places by: give Batch(..., augmentation=torch.rand(n, 1))"
            )
        return generator(source_of(batch), batch.real, batch.latent, batch.augmentation[:, 0])

    def generator_loss(discriminator: Any, fake: Contrasted, batch: Batch) -> Outcome:
        total, measures = adversary.persuaded(discriminator, pair_of(fake.images, batch))
        parts = [patch_nce(compared) for compared in (fake.compared, fake.kept) if compared]
        measures["contrast"] = torch.stack(parts).mean(0)
        return Outcome(total + contrast * measures["contrast"], measures)

    def discriminator_loss(discriminator: Any, fake: Contrasted, batch: Batch) -> Outcome:
        return adversary.taught(discriminator, pair_of(fake.images, batch))

    return Game(generator, discriminator, play, generator_loss, discriminator_loss, **options)


def patch_nce(compared: tuple[Compared, ...]) -> Tensor:
    """The mean over layers of the cross entropy with which each place is found again, (batch,)."""
    return torch.stack([_found_again(*layer) for layer in compared]).mean(0)


def _found_again(queries: Tensor, keys: Tensor) -> Tensor:
    similarity = queries @ keys.transpose(1, 2) / TEMPERATURE
    places = torch.arange(similarity.shape[1], device=similarity.device).expand(len(similarity), -1)
    return cross_entropy(similarity.transpose(1, 2), places, reduction="none").mean(1)
