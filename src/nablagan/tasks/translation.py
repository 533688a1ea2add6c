"""Translation in pairs: an image to its counterpart in another domain, which is known while training."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from nablagan.game import Game
from nablagan.objectives import Weight, check_penalties
from nablagan.tasks.adversary import Adversary, Conditioned, distance, pair_of
from nablagan.types import Batch, Discriminator, InputError, Loss, Outcome, Penalty

Distance = Callable[[Tensor, Tensor], Tensor]
"""(images, images) in [-1, 1] -> (batch,), differentiable."""


def translation(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    penalties: Mapping[Penalty, Weight] | None = None,
    adversarial: float = 1.0,
    reconstruction: float = 100.0,
    feature_matching: float = 0.0,
    perceptual: Distance | None = None,
    perceptual_weight: float = 1.0,
    diversity: float = 0.0,
    sees_source: bool = True,
    **options: Any,
) -> Game:
    """The game of paired translation (Isola et al. 2017, "pix2pix", equation 4), with any loss and penalties.

    L_G = `adversarial` times the loss's + `reconstruction` |y - G(x, z)| + `feature_matching` difference of D's
    features + `diversity` 2 |z| / |G(x, z) - G(x, -z)|, mean absolute values each, + `perceptual_weight` times
    `perceptual`(y, G(x, z)); L_D = the loss's + penalties.
    Players are called generator(source, latent) and discriminator(images beside sources (batch, C + Cs, h, w),
    label[, features]) -> logits (batch, patches); without `sees_source` it is given the images (batch, C, h, w) alone
    (Isola et al. 2017, section 4.2, L1 + GAN), has to be built without sources, and something else must tie outputs to
    sources. Diversity (mode seeking, Mao et al. 2019) is for generators that use the latent. Batches need `source` and
    `real`. Penalties are gradients with respect to the target image. Measures: `reconstruction`, `feature_matching`,
    `perceptual`, `closeness`, and those of `generation`. InputError for negative weights, and where nothing ties
    outputs to sources.
    """
    check_weights(adversarial=adversarial, reconstruction=reconstruction, feature_matching=feature_matching)
    check_weights(perceptual=perceptual_weight, diversity=diversity)
    if not (sees_source or reconstruction or feature_matching or (perceptual is not None and perceptual_weight)):
        raise InputError(
            "nothing ties an image to its source: show it to the discriminator (--sees-source), or give a weight "
            "above 0 to the difference to the truth (--reconstruction)"
        )
    check_penalties(dict(penalties or {}), discriminator, "discriminator")
    adversary = Adversary(loss, dict(penalties or {}), feature_matching, adversarial)

    def play(generator: Callable[..., Tensor], batch: Batch) -> Translated:
        source = source_of(batch)
        others = (generator(source, -batch.latent),) if diversity else ()
        return Translated(generator(source, batch.latent), others)

    def generator_loss(discriminator: Any, fake: Translated, batch: Batch) -> Outcome:
        total, measures = adversary.persuaded(judge(discriminator, batch), pair_of(fake.images, batch))
        difference = distance(batch.real, fake.images)
        measures["reconstruction"] = difference
        outcome = Outcome(total + reconstruction * difference, measures)
        return apart(resembling(outcome, fake, batch, perceptual, perceptual_weight), fake, batch, diversity)

    def discriminator_loss(discriminator: Any, fake: Translated, batch: Batch) -> Outcome:
        return adversary.taught(judge(discriminator, batch), pair_of(fake.images, batch))

    def judge(discriminator: Any, batch: Batch) -> Discriminator:
        return Conditioned(discriminator, source_of(batch)) if sees_source else discriminator

    return Game(generator, discriminator, play, generator_loss, discriminator_loss, judge=judge, **options)


class Translated(NamedTuple):
    """What the generator makes of a batch of sources."""

    images: Tensor
    others: tuple[Tensor, ...] = ()
    """The same sources with the opposite latents, where diversity counts."""


def apart(outcome: Outcome, fake: Any, batch: Batch, diversity: float) -> Outcome:
    """The outcome with the weighted closeness of `fake.images` to each of `fake.others`."""
    total, measures = outcome
    for other in fake.others:
        measures["closeness"] = closeness(fake.images, other, batch.latent)
        total = total + diversity * measures["closeness"]
    return Outcome(total, measures)


def resembling(outcome: Outcome, fake: Any, batch: Batch, perceptual: Distance | None, weight: float) -> Outcome:
    """The outcome with the weighted perceptual distance of `fake.images` to the truth, where there is one."""
    if perceptual is None:
        return outcome
    distance_seen = perceptual(batch.real, fake.images)
    return Outcome(outcome[0] + weight * distance_seen, outcome[1] | {"perceptual": distance_seen})


def closeness(first: Tensor, second: Tensor, latent: Tensor) -> Tensor:
    """|2 z| / |first - second| of images made with z and -z, mean absolute values, (batch,)."""
    return 2 * latent.abs().mean(1) / (distance(first, second) + 1e-5)  # Mao et al. 2019, their code's epsilon


def source_of(batch: Batch) -> Tensor:
    """The batch's sources. Raises InputError without any."""
    if batch.source is None:
        raise InputError("this batch has no source images to translate: give Batch(..., source=images)")
    return batch.source


def check_weights(**weights: float) -> None:
    """Raise InputError for a negative one, by its name."""
    for name, weight in weights.items():
        if not weight >= 0:
            raise InputError(f"the weight {name} is {weight}: give a number >= 0")
