"""Completion of images with holes."""

from dataclasses import replace

from nablagan.data import masks
from nablagan.players import patch, unet
from nablagan.recipes.idle import OF_ADVERSARY, OF_SOURCES, refuse_choices
from nablagan.recipes.options import Facts, Options
from nablagan.recipes.translation import chosen, judges, perceptual, relativistic, starting, thrifty
from nablagan.tasks import completion
from nablagan.training.run import PlayerSettings, Run, TaskSettings
from nablagan.types import InputError

RATE = 5e-4
"""A quarter of translation's: the start is good, and is not to be lost (docs/log.md)."""
HOLE, KNOWN, FEATURES, DIVERSITY = 10.0, 1.0, 0.0, 1.0


def complete(facts: Facts, options: Options) -> Run:
    """A run that completes images: relativistic loss, R1 + R2, absolute differences (docs/completion.md).

    InputError for points.
    """
    if len(facts.shape) != 3:
        raise InputError(f"recipe complete needs images and {facts.data.source} holds points")
    if options.masks and facts.masked:
        raise InputError(f"{facts.data.source} brings masks of its own, which are used: leave --holes out")
    refuse_choices(options, "complete", OF_SOURCES)
    options = thrifty(facts, options)
    channels, *size = facts.shape
    given = replace(facts, source_shape=(channels + 1, *size))
    weights = {
        "hole": chosen(options.reconstruction, HOLE),
        "known": KNOWN,
        "feature_matching": chosen(options.feature_matching, FEATURES),
        "diversity": chosen(options.diversity, DIVERSITY) if options.latent_size else 0.0,
        **perceptual(facts, options),
    }
    generator = PlayerSettings(options.net or unet.generator, starting(given, options))
    judge = PlayerSettings(patch.discriminator, judges(facts, options) | {"source_shape": (1, *size)})
    run = relativistic("complete", facts, options, generator, judge, TaskSettings(completion, weights), RATE)
    return replace(run, masks=options.masks or masks.random_mask)


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
