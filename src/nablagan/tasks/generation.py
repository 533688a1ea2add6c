"""Generation: latents to samples that the discriminator cannot tell from real ones."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from nablagan.game import Game
from nablagan.objectives import Weight, check_penalties, discriminator_objective, generator_objective
from nablagan.types import Batch, Discriminator, Loss, Outcome, Pair, Penalty

Augmentation = Callable[[Tensor, Batch], Tensor]
"""(images, batch) -> images, drawing only from `batch.augmentation`."""


def generation(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    penalties: Mapping[Penalty, Weight] | None = None,
    augment: Augmentation | None = None,
    **options: Any,
) -> Game:
    """The game of a GAN: L_G and L_D from `loss`, and the weighted penalties added to L_D (Goodfellow et al. 2014).

    Real and generated samples of a pair share their label and augmentation draws. Penalties are gradients with respect
    to the samples before augmentation. The discriminator's measures are `real_logits`, `fake_logits` and
    `penalty_NAME`, unweighted. `options` go to Game (`mean`). Raises InputError for a negative weight, and for
    penalties on a discriminator with batch normalisation, where a sample has no gradient of its own.

    >>> import torch
    >>> from nablagan import losses, penalties, players
    >>> real, latent = torch.zeros(8, 2), torch.zeros(8, 4)
    >>> pair = players.mlp.generator((2,), latent_size=4), players.mlp.discriminator((2,))
    >>> game = generation(*pair, loss=losses.relativistic, penalties={penalties.r1: 1.0})
    >>> game.field(Batch(real, latent)).shape == (sum(game.sizes),)
    True
    """
    penalties = dict(penalties or {})
    check_penalties(penalties, discriminator)

    def critic(discriminator: Discriminator, batch: Batch) -> Discriminator:
        return discriminator if augment is None else Augmented(discriminator, augment, batch)

    def play(generator: Callable[..., Tensor], batch: Batch) -> Tensor:
        return generator(batch.latent, batch.label)

    def pair_of(fake: Tensor, batch: Batch) -> Pair:
        return Pair(batch.real, fake, batch.label, batch.latent, batch.images_seen)

    def generator_loss(discriminator: Discriminator, fake: Tensor, batch: Batch) -> Outcome:
        return generator_objective(loss, critic(discriminator, batch), pair_of(fake, batch))

    def discriminator_loss(discriminator: Discriminator, fake: Tensor, batch: Batch) -> Outcome:
        return discriminator_objective(loss, penalties, critic(discriminator, batch), pair_of(fake, batch))

    return Game(generator, discriminator, play, generator_loss, discriminator_loss, **options)


class Augmented:
    """The discriminator behind an augmentation whose draws belong to the rows of a batch."""

    def __init__(self, discriminator: Discriminator, augment: Augmentation, batch: Batch) -> None:
        self.discriminator, self.augment, self.batch = discriminator, augment, batch

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self.discriminator(self.augment(images, self.batch), label)

    def rows(self, indices: Tensor) -> "Augmented":
        """The same for samples that are the given rows of the batch."""
        tensors = {name: value for name, value in self.batch._asdict().items() if isinstance(value, Tensor)}
        chosen = self.batch._replace(**{name: value[indices] for name, value in tensors.items()})
        return Augmented(self.discriminator, self.augment, chosen)
