"""Generation: latents to samples that the discriminator cannot tell from real ones."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from nablagan.game import Game
from nablagan.objectives import Weight, check_penalties, discriminator_objective, generator_objective, weight_at
from nablagan.penalties import Remembering, names_of
from nablagan.types import Batch, Discriminator, GeneratorPenalty, Loss, Outcome, Pair, Penalty

Augmentation = Callable[[Tensor, Batch], Tensor]
"""(images, batch) -> images, drawing only from `batch.augmentation`."""


def generation(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    penalties: Mapping[Penalty, Weight] | None = None,
    augment: Augmentation | None = None,
    generator_penalties: Mapping[GeneratorPenalty, Weight] | None = None,
    **options: Any,
) -> Game:
    """The game of a GAN: L_G and L_D from `loss`, and the weighted penalties added to L_D (Goodfellow et al. 2014).

    `generator_penalties`, functions (generator, batch) -> (batch,), are added to L_G. Real and generated samples of a
    pair share their label and augmentation draws. Penalties are gradients with respect to the samples before
    augmentation. The measures are `separation`, `real_logits`, `fake_logits` and `penalty_NAME`, unweighted. `options`
    go to Game (`mean`). Raises InputError for a negative weight, and for penalties on a player with batch
    normalisation, where a sample has no gradient of its own.

    >>> import torch
    >>> from nablagan import losses, penalties, players
    >>> real, latent = torch.zeros(8, 2), torch.zeros(8, 4)
    >>> pair = players.mlp.generator((2,), latent_size=4), players.mlp.discriminator((2,))
    >>> game = generation(*pair, loss=losses.relativistic, penalties={penalties.r1: 1.0})
    >>> game.field(Batch(real, latent)).shape == (sum(game.sizes),)
    True
    """
    penalties, generator_penalties = dict(penalties or {}), dict(generator_penalties or {})
    check_penalties(penalties, discriminator, "discriminator")
    check_penalties(generator_penalties, generator, "generator")
    names = names_of([*penalties, *generator_penalties])

    def critic(discriminator: Discriminator, batch: Batch) -> Discriminator:
        return discriminator if augment is None else Augmented(discriminator, augment, batch)

    def play(generator: Callable[..., Tensor], batch: Batch) -> Tensor | Penalised:
        if not generator_penalties:
            return generator(batch.latent, batch.label)
        maker = Remembering(generator)
        values = tuple(penalty(maker, batch) for penalty in generator_penalties)
        return Penalised(maker(batch.latent, batch.label), values)

    def pair_of(fake: Tensor | Penalised, batch: Batch) -> Pair:
        images = fake.images if isinstance(fake, Penalised) else fake
        return Pair(batch.real, images, batch.label, batch.latent, batch.images_seen)

    def generator_loss(discriminator: Discriminator, fake: Tensor | Penalised, batch: Batch) -> Outcome:
        total, measures = generator_objective(loss, critic(discriminator, batch), pair_of(fake, batch))
        values = fake.penalties if isinstance(fake, Penalised) else ()
        for name, weight, value in zip(names[len(penalties) :], generator_penalties.values(), values, strict=True):
            total = total + weight_at(weight, batch.images_seen) * value
            measures[f"penalty_{name}"] = value
        return Outcome(total, measures)

    def discriminator_loss(discriminator: Discriminator, fake: Tensor | Penalised, batch: Batch) -> Outcome:
        pair = pair_of(fake, batch)
        return discriminator_objective(loss, penalties, critic(discriminator, batch), pair, names[: len(penalties)])

    return Game(generator, discriminator, play, generator_loss, discriminator_loss, **options)


class Augmented:
    """The discriminator behind an augmentation whose draws belong to the rows of a batch."""

    def __init__(self, discriminator: Discriminator, augment: Augmentation, batch: Batch) -> None:
        self.discriminator, self.augment, self.batch = discriminator, augment, batch

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self.discriminator(self.augment(images, self.batch), label)

    def rows(self, indices: Tensor) -> "Augmented":
        """The same for samples that are the given rows of the batch."""
        return Augmented(self.discriminator, self.augment, self.batch.rows(indices))


class Penalised(NamedTuple):
    """What a generator with penalties makes of a batch."""

    images: Tensor
    penalties: tuple[Tensor, ...]
    """(batch,) each: functions of the generator, which a player's loss does not see otherwise."""
