"""Translation of images: our defaults with and without pairs, what others publish, and regression without adversary."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import nn

from nablagan import losses
from nablagan.metrics import efficientnet_distance
from nablagan.optim import Cosine, Pooled, constant
from nablagan.players import conditional, contrastive, partial, patch, resnet, two_ways, unet
from nablagan.players.precision import EVERY
from nablagan.recipes.idle import OF_ADVERSARY, OF_HOLES, OF_LATENTS, OF_PAIRS, refuse_choices, refuse_diversity
from nablagan.recipes.options import (
    Facts,
    Options,
    adjusted,
    bfloat16_stages,
    gradient_penalties,
    refuse_penalty_choices,
    shared_settings,
)
from nablagan.tasks import contrastive as contrastive_task
from nablagan.tasks import translation
from nablagan.tasks import two_ways as two_ways_task
from nablagan.training.circumstances import usual_gamma
from nablagan.training.run import AdamSettings, PlayerSettings, Run, TaskSettings
from nablagan.types import InputError

Choice = TypeVar("Choice")
IMAGES = {"cpu": 48_000, "cuda": 1_000_000}
BATCH_SIZE = 16
RATE, HELD, LEFT = 2e-3, 0.5, 0.1
"""Of both players: the rate at the start, the part of the run in which it stays, the part of it left at the end."""
BETA2 = 0.95
RECONSTRUCTION, FEATURES, DIVERSITY = 10.0, 0.0, 1.0
CYCLE, CONTRAST = 2.0, 1.0
LAZY = 4
"""Steps between those with R1 and R2: in the same time more images are seen (docs/log.md)."""
MANY_PIXELS = 32 * 32
"""On a CPU our defaults' nets are tiny for images of more pixels, so that more images are seen (docs/log.md)."""
PROBE_STEPS, AUDIT_STEPS = 80, 400
LARGEST_PATCHES = 3
"""Halvings of the discriminator, at most: patches of 70 pixels."""


def translate(facts: Facts, options: Options) -> Run:
    """Our default: `paired` where each sample has its source, else `unpaired`. InputError without any sources."""
    make = paired if facts.paired else unpaired
    return make("translate", facts, thrifty(facts, options))


def thrifty(facts: Facts, options: Options) -> Options:
    """The options with tiny nets for large images on a CPU, unless a size is asked for."""
    many = facts.device == "cpu" and len(facts.shape) == 3 and facts.pixels > MANY_PIXELS
    return replace(options, size=options.size or "tiny") if many else options


def paired(name: str, facts: Facts, options: Options, shown: bool = False) -> Run:
    """A run of a U-Net with relativistic loss, R1 + R2 and the difference to the truth (docs/translation.md).

    `shown` is whether its discriminator sees the source beside the image where the user did not choose (docs/log.md).
    """
    check_translates(facts, options, name)
    shown = chosen(options.sees_source, shown)
    terms = {
        "reconstruction": chosen(options.reconstruction, RECONSTRUCTION),
        "feature_matching": chosen(options.feature_matching, FEATURES),
        "diversity": chosen(options.diversity, DIVERSITY) if options.latent_size else 0.0,
        **perceptual(facts, options),
        **({} if shown else {"sees_source": False}),
    }
    generator = PlayerSettings(net_of(options, unet.generator), starting(facts, options))
    beside = {"source_shape": facts.source_shape} if shown else {}
    judge = PlayerSettings(patch.discriminator, judges(facts, options) | beside)
    return relativistic(name, facts, options, generator, judge, TaskSettings(translation, terms))


def unpaired(name: str, facts: Facts, options: Options) -> Run:
    """A run of both ways at once, with relativistic loss and R1 + R2 (docs/translation.md)."""
    check_translates(facts, options, name)
    nets_ = starting(facts, options, two_ways=True) | {"net": net_of(options, unet.generator), "keeps": False}
    judge = judges(facts, options) | {"source_shape": facts.source_shape, "net": patch.discriminator}
    players = PlayerSettings(two_ways.generator, nets_), PlayerSettings(two_ways.discriminator, judge)
    task = TaskSettings(two_ways_task, {"cycle": chosen(options.reconstruction, CYCLE), "identity": 0.0})
    refuse_choices(options, f"{name} without pairs", OF_PAIRS)
    return relativistic(name, facts, options, *players, task)


def cut(facts: Facts, options: Options) -> Run:
    """CUT (Park et al. 2020) with relativistic loss and R1 + R2: one way, without pairs."""
    check_translates(facts, options, "cut")
    nets_ = nets(facts, options) | {"net": net_of(options, resnet.generator), "keeps": True}
    players = PlayerSettings(contrastive.generator, nets_), PlayerSettings(patch.discriminator, judges(facts, options))
    task = TaskSettings(contrastive_task, {"contrast": chosen(options.reconstruction, CONTRAST)})
    refuse_choices(options, "cut", OF_PAIRS)
    return relativistic("cut", facts, options, *players, task)


def pix2pix(facts: Facts, options: Options) -> Run:
    """As published (Isola et al. 2017): non-saturating loss, no penalty, 100 |y - G(x)|, Adam 2e-4 (.5, .999).

    # Unlike the paper: normalisation is per pixel, a batch has 16 images, noise is a latent or none, not dropout.
    """
    refuse_unpaired(facts, "pix2pix")
    run = paired("pix2pix", facts, options, shown=True)
    terms = run.task.options | {"reconstruction": chosen(options.reconstruction, 100.0)}
    run = published("pix2pix", run, facts, options)
    generator = replace(run.generator, options=run.generator.options | {"output": conditional.bounded})
    task = TaskSettings(translation, terms)
    return replace(run, generator=generator, loss=options.loss or losses.non_saturating, task=task)


def cyclegan(facts: Facts, options: Options) -> Run:
    """As published (Zhu et al. 2017): least squares, cycle 10, identity 5, a pool of 50 samples, Adam 2e-4.

    # Unlike the paper: a batch has 16 images; identity is left out where the domains have different channels.
    """
    run = published("cyclegan", unpaired("cyclegan", facts, options), facts, options)
    keeps = facts.source_shape is not None and facts.source_shape[0] == facts.shape[0]
    nets_ = run.generator.options | {"normalisation": conditional.instance_norm, "keeps": keeps}
    nets_ |= {"net": net_of(options, resnet.generator), "output": conditional.bounded}
    task = TaskSettings(two_ways_task, {"cycle": chosen(options.reconstruction, 10.0), "identity": 5.0})
    generator = PlayerSettings(run.generator.build, nets_)
    update = options.update or Pooled
    return replace(run, generator=generator, loss=options.loss or losses.least_squares, task=task, update=update)


def regression(facts: Facts, options: Options) -> Run:
    """The paired default's generator without an adversary: the absolute difference alone, to compare with."""
    refuse_unpaired(facts, "regression")
    refuse_choices(options, "regression", OF_ADVERSARY)
    run = paired("regression", facts, thrifty(facts, options))
    weights = {"reconstruction": 1.0, "adversarial": 0.0}
    judge = {"size": "tiny", "layers": 1, "source_shape": facts.source_shape}
    return replace(
        run,
        recipe="regression",
        discriminator=PlayerSettings(patch.discriminator, judge),
        penalties=(),
        task=TaskSettings(translation, weights),
    )


def relativistic(
    name: str,
    facts: Facts,
    options: Options,
    generator: PlayerSettings,
    discriminator: PlayerSettings,
    task: TaskSettings,
    rate: float = RATE,
) -> Run:
    """What our defaults share: loss, penalties, optimisers, intervals."""
    refuse_choices(options, name, OF_LATENTS)
    refuse_diversity(options)
    shared = shared_settings(facts, conditionless(options), IMAGES[facts.device], BATCH_SIZE)
    shared |= {"latent_size": options.latent_size or 0, "pair_augmentations": options.pair_augmentations}
    shared |= probing(shared["batch_size"])
    images = shared["images"]
    adam = AdamSettings(Cosine(rate, rate * LEFT, images, int(HELD * images)), constant(BETA2))
    run = Run(
        recipe=name,
        generator=generator,
        discriminator=discriminator,
        loss=options.loss or losses.relativistic,
        generator_adam=adam,
        discriminator_adam=adam,
        penalties=gradient_penalties(options, shared, gamma_of(facts), constant, LAZY),
        task=task,
        **shared,
    )
    return adjusted(run, options)


def published(name: str, run: Run, facts: Facts, options: Options) -> Run:
    """The run with the Adam of the papers and no penalty unless one is asked for."""
    adam = AdamSettings(constant(2e-4), constant(0.999), beta1=0.5)
    if options.gamma is None:
        refuse_penalty_choices(options, name, "give --gamma too")
    penalties = () if options.gamma is None else run.penalties
    run = replace(run, recipe=name, generator_adam=adam, discriminator_adam=adam, penalties=penalties)
    return adjusted(run, replace(options, spectral_norm=False))  # which the discriminator has already if asked for


def probing(batch_size: int) -> dict[str, int]:
    """Images between probes, and between audits: together they stay under 5 % of the time."""
    return {"probe_images": PROBE_STEPS * batch_size, "audit_images": AUDIT_STEPS * batch_size}


def gamma_of(facts: Facts) -> float:
    """The weight of R1 + R2 of a mean over patches: as for images of this size."""
    return usual_gamma(facts.shape)


def nets(facts: Facts, options: Options) -> dict[str, Any]:
    """Options of the generator, whose output is bounded: black and white come out exactly (docs/log.md)."""
    own = {"source_shape": facts.source_shape, "size": options.size or "small", "output": conditional.bounded}
    return own | in_bfloat16(facts, options)


def starting(facts: Facts, options: Options, two_ways: bool = False) -> dict[str, Any]:
    """`nets` whose outputs start from the source (docs/log.md), where the channels allow it, of `two_ways` on both."""
    assert facts.source_shape is not None
    ways = [(facts.shape, facts.source_shape), *([(facts.source_shape, facts.shape)] if two_ways else [])]
    starts = all(conditional.can_start(*way) for way in ways)
    return nets(facts, options) | ({"output": conditional.from_source} if starts else {})


def judges(facts: Facts, options: Options) -> dict[str, Any]:
    """Options of the discriminator: patches of about half the image."""
    halvings = max(1, min(LARGEST_PATCHES, conditional.halvings_of(facts.shape) - 1))
    own = {"size": options.size or "small", "layers": halvings, "scales": options.scales}
    return own | in_bfloat16(facts, options)


def perceptual(facts: Facts, options: Options) -> dict[str, Any]:
    """The weight of a perceptual distance, and which, where one is asked for. InputError where there can be none."""
    if not options.perceptual:
        return {}
    if facts.shape[0] not in (1, 3):
        raise InputError(f"--perceptual sees 1 or 3 channels, not {facts.shape[0]}: leave it out")
    blank = torch.zeros(1, 3, 64, 64, device=facts.device)
    efficientnet_distance(blank, blank)  # a missing extra is told now, and the network read in float32
    return {"perceptual": efficientnet_distance, "perceptual_weight": options.perceptual}


def in_bfloat16(facts: Facts, options: Options) -> dict[str, int]:
    """The option of players all of whose stages run in bfloat16, where that is wanted."""
    return bfloat16_stages(facts.fast_bfloat16, options, EVERY)


def net_of(options: Options, default: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The function that builds a translator's net. InputError for one that takes its last channel for a mask."""
    if options.net is partial.generator:
        raise InputError("partial convolutions need a mask, which translation has none of: choose another --net")
    return options.net or default


def chosen(asked: Choice | None, own: Choice) -> Choice:
    """What was asked for, or the recipe's own choice."""
    return own if asked is None else asked


def conditionless(options: Options) -> Options:
    """The options without labels, which the players of images from images do not use."""
    return replace(options, conditional=False)


def check_translates(facts: Facts, options: Options, name: str) -> None:
    """Raise InputError for data with nothing to translate, and for choices of holes."""
    refuse_choices(options, name, OF_HOLES)
    if facts.source_shape is None:
        raise InputError(
            f"{facts.data.source} has no source images for recipe {name}: give pairs (A|B, A/ and B/, or a CSV), or "
            "builtin:glyphs, builtin:edges, builtin:avatars"
        )


def refuse_unpaired(facts: Facts, name: str) -> None:
    """Raise InputError for data without pairs."""
    if not facts.paired:
        raise InputError(f"recipe {name} needs pairs: leave --unpaired out, or use translate, cyclegan or cut")
