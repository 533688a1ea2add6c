"""Strided convolutions with the R3GAN objective: the best on a CPU after equal wall-clock time (docs/log.md)."""

from typing import Any

from nablagan import losses
from nablagan.optim import Cosine, constant
from nablagan.players import dcgan
from nablagan.recipes.options import (
    Facts,
    Options,
    adjusted,
    bfloat16_stages,
    gradient_penalties,
    shared_settings,
    stages_of,
)
from nablagan.training.circumstances import RATES, usual_gamma
from nablagan.training.run import AdamSettings, PlayerSettings, Run
from nablagan.types import InputError

IMAGES = {"cpu": 64_000, "cuda": 2_000_000}
BATCH_SIZE, BATCH_ON_CPU = 64, 32
LEARNING_RATE, LAST_RATE = (
    {"by class": RATES["strided"], "without labels": 3e-3},
    {"by class": 0.25, "without labels": 0.05},
)
"""Of both players at the start, and the part of it that is left at the end."""
PENALTY_EVERY = {"by class": 1, "without labels": 4}
"""Steps between those with R1 and R2; lazy ones in small batches let classes collapse."""
PROBE_STEPS, AUDIT_STEPS = 60, 400
"""On a CPU its steps are short, so that probes and audits must be further apart to stay under 5 % of the time."""
AUGMENTATIONS = ()
AUGMENTATION_PROBABILITY = 0.0


def strided(facts: Facts, options: Options) -> Run:
    """A run of strided convolutions, relativistic loss, R1 + R2, Adam (0, .99), averaged generator.

    Without labels on a CPU: batches of 32, penalties at each 4th step, rates from 3e-3; by class 64, each step, 2e-3.
    # Unlike R3GAN: no residual blocks: they see an eighth of the images in the same time. The layers run in bfloat16
    where that is much faster (docs/log.md). InputError for points.
    """
    if len(facts.shape) != 3:
        raise InputError(f"recipe strided makes images and {facts.data.source} holds points: use recipe points")
    shared = shared_settings(facts, options, IMAGES[facts.device], batch_size(facts, options))
    images, kind = shared["images"], "by class" if shared["conditional"] else "without labels"
    adam = falling(LEARNING_RATE[kind], LAST_RATE[kind], images)
    gamma = usual_gamma(facts.shape)  # at the start; it falls tenfold
    size = {"size": options.size or default_size(facts)}
    size |= bfloat16_stages(facts.fast_bfloat16, options, stages_of(facts))
    probability = options.augmentation_probability
    run = Run(
        recipe="strided",
        generator=PlayerSettings(dcgan.generator, size | {"gains": True}),
        discriminator=PlayerSettings(dcgan.discriminator, size | {"kernel": 3}),
        loss=options.loss or losses.relativistic,
        generator_adam=adam,
        discriminator_adam=adam,
        penalties=gradient_penalties(
            options, shared, gamma, lambda start: Cosine(start, start / 10, images), PENALTY_EVERY[kind]
        ),
        augmentations=AUGMENTATIONS if options.augmentations is None else options.augmentations,
        augmentation_probability=constant(AUGMENTATION_PROBABILITY if probability is None else probability),
        **shared | (probing(shared["batch_size"]) if facts.device == "cpu" else {}),
    )
    return adjusted(run, options)


def falling(rate: float, left: float, images: int) -> AdamSettings:
    """Adam whose rate falls over the run, to a part that is left."""
    return AdamSettings(Cosine(rate, left * rate, images), constant(0.99))


def batch_size(facts: Facts, options: Options) -> int:
    """Small batches, hence many steps, on a CPU without labels."""
    by_class = facts.classes > 0 if options.conditional is None else options.conditional
    return BATCH_SIZE if by_class or facts.device != "cpu" else BATCH_ON_CPU


def probing(batch_size: int) -> dict[str, Any]:
    """Images between probes, and between audits."""
    return {"probe_images": PROBE_STEPS * batch_size, "audit_images": AUDIT_STEPS * batch_size}


def default_size(facts: Facts) -> str:
    """`base` on a GPU; on a CPU `small` up to 64x64, `tiny` above, where steps take seconds otherwise."""
    if facts.device == "cuda":
        return "base"
    return "small" if facts.pixels <= 64 * 64 else "tiny"
