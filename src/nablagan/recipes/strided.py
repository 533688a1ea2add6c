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
BATCH_SIZE = {"cpu": 32, "cuda": 64}
BY_CLASS, WITHOUT_LABELS = (RATES["strided"], 2 * RATES["strided"]), (3e-3, 3e-3)
"""(generator's, discriminator's) learning rate at the start: by class a generator as fast as its judge collapses."""
LAST_RATE = 0.05
"""Part of them that is left at the end."""
PENALTY_EVERY = 4
"""Steps between those with R1 and R2."""
PROBE_STEPS, AUDIT_STEPS = 60, 400
"""On a CPU its steps are short, so that probes and audits must be further apart to stay under 5 % of the time."""
AUGMENTATIONS = ()
AUGMENTATION_PROBABILITY = 0.0


def strided(facts: Facts, options: Options) -> Run:
    """A run of strided convolutions, relativistic loss, R1 + R2 at each 4th step, Adam (0, .99), averaged generator.

    Learning rates start at 2e-3 and 4e-3 by class, at 3e-3 without labels, and fall twentyfold.
    # Unlike R3GAN: no residual blocks: they see an eighth of the images in the same time. The layers run in bfloat16
    where that is much faster (docs/log.md). InputError for points.
    """
    if len(facts.shape) != 3:
        raise InputError(f"recipe strided makes images and {facts.data.source} holds points: use recipe points")
    shared = shared_settings(facts, options, IMAGES[facts.device], BATCH_SIZE[facts.device])
    images, rates = shared["images"], BY_CLASS if shared["conditional"] else WITHOUT_LABELS
    gamma = usual_gamma(facts.shape)  # at the start; it falls tenfold
    size = {"size": options.size or default_size(facts)}
    size |= bfloat16_stages(facts.fast_bfloat16, options, stages_of(facts))
    probability = options.augmentation_probability
    run = Run(
        recipe="strided",
        generator=PlayerSettings(dcgan.generator, size | {"gains": True}),
        discriminator=PlayerSettings(dcgan.discriminator, size | {"kernel": 3}),
        loss=options.loss or losses.relativistic,
        generator_adam=falling(rates[0], images),
        discriminator_adam=falling(rates[1], images),
        penalties=gradient_penalties(
            options, shared, gamma, lambda start: Cosine(start, start / 10, images), PENALTY_EVERY
        ),
        augmentations=AUGMENTATIONS if options.augmentations is None else options.augmentations,
        augmentation_probability=constant(AUGMENTATION_PROBABILITY if probability is None else probability),
        **shared | (probing(shared["batch_size"]) if facts.device == "cpu" else {}),
    )
    return adjusted(run, options)


def falling(rate: float, images: int) -> AdamSettings:
    """Adam whose rate falls over the run."""
    return AdamSettings(Cosine(rate, LAST_RATE * rate, images), constant(0.99))


def probing(batch_size: int) -> dict[str, Any]:
    """Images between probes, and between audits."""
    return {"probe_images": PROBE_STEPS * batch_size, "audit_images": AUDIT_STEPS * batch_size}


def default_size(facts: Facts) -> str:
    """`base` on a GPU; on a CPU `small` up to 64x64, `tiny` above, where steps take seconds otherwise."""
    if facts.device == "cuda":
        return "base"
    return "small" if facts.pixels <= 64 * 64 else "tiny"
