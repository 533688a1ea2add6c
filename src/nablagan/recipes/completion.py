"""Completion of images with holes."""

from dataclasses import replace

from nablagan import losses
from nablagan.data import masks
from nablagan.optim import Cosine, constant
from nablagan.players import patch, unet
from nablagan.recipes.idle import OF_ADVERSARY, OF_LATENTS, refuse_choices, refuse_diversity
from nablagan.recipes.options import Facts, Options, adjusted, gradient_penalties, shared_settings
from nablagan.recipes.translation import (
    BATCH_SIZE,
    IMAGES,
    LEFT,
    RATE,
    chosen,
    conditionless,
    gamma_of,
    judges,
    nets,
    probing,
)
from nablagan.tasks import completion
from nablagan.training.run import AdamSettings, PlayerSettings, Run, TaskSettings
from nablagan.types import InputError

HOLE, KNOWN, FEATURES, DIVERSITY = 10.0, 1.0, 0.0, 1.0


def complete(facts: Facts, options: Options) -> Run:
    """A run that completes images: relativistic loss, R1 + R2, absolute differences (docs/completion.md).

    InputError for points.
    """
    if len(facts.shape) != 3:
        raise InputError(f"recipe complete needs images and {facts.data.source} holds points")
    refuse_choices(options, "complete", OF_LATENTS)
    refuse_diversity(options)
    if options.masks and facts.masked:
        raise InputError(f"{facts.data.source} brings masks of its own, which are used: leave --holes out")
    channels, *size = facts.shape
    given = replace(facts, source_shape=(channels + 1, *size))
    shared = shared_settings(facts, conditionless(options), IMAGES[facts.device], BATCH_SIZE)
    shared |= {"latent_size": options.latent_size or 0, "pair_augmentations": options.pair_augmentations}
    shared |= probing(shared["batch_size"])
    adam = AdamSettings(Cosine(RATE, RATE * LEFT, shared["images"]), constant(0.99))
    weights = {
        "hole": chosen(options.reconstruction, HOLE),
        "known": KNOWN,
        "feature_matching": chosen(options.feature_matching, FEATURES),
        "diversity": chosen(options.diversity, DIVERSITY) if options.latent_size else 0.0,
    }
    run = Run(
        recipe="complete",
        generator=PlayerSettings(options.net or unet.generator, nets(given, options)),
        discriminator=PlayerSettings(patch.discriminator, judges(facts, options) | {"source_shape": (1, *size)}),
        loss=options.loss or losses.relativistic,
        generator_adam=adam,
        discriminator_adam=adam,
        penalties=gradient_penalties(options, shared, gamma_of(facts), lambda start: constant(start)),
        task=TaskSettings(completion, weights),
        masks=options.masks or masks.random_mask,
        **shared,
    )
    return adjusted(run, options)


def filling(facts: Facts, options: Options) -> Run:
    """The generator of `complete` without an adversary: the absolute differences alone, to compare with."""
    refuse_choices(options, "filling", OF_ADVERSARY)
    run = complete(facts, options)
    judge = {"size": "tiny", "layers": 1, "source_shape": (1, *facts.shape[1:])}
    weights = {"hole": 1.0, "known": 0.1, "feature_matching": 0.0, "adversarial": 0.0}
    return replace(
        run,
        recipe="filling",
        discriminator=PlayerSettings(patch.discriminator, judge),
        penalties=(),
        task=TaskSettings(completion, weights),
    )
