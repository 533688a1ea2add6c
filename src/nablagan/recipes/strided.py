"""Strided convolutions with the R3GAN objective: the best on a CPU after equal wall-clock time (docs/log.md)."""

from dataclasses import dataclass, replace
from typing import Any

from nablagan import losses
from nablagan.optim import Cosine, constant
from nablagan.players import dcgan, layers
from nablagan.recipes.options import (
    Facts,
    Options,
    adjusted,
    bfloat16_stages,
    gradient_penalties,
    is_conditional,
    shared_settings,
    stages_of,
)
from nablagan.training.circumstances import RATES, usual_gamma
from nablagan.training.run import AdamSettings, PlayerSettings, Run
from nablagan.types import InputError

IMAGES = {"cpu": 64_000, "cuda": 2_000_000}


@dataclass(frozen=True)
class Settings:
    """What was tuned apart for each kind of run (docs/log.md)."""

    batch_size: int
    rate: float
    """Of both players at the start."""
    left: float
    """The part of the rate that is left at the end."""
    held: float
    """The part of the run in which the rate stays as it started."""
    beta2: float
    penalty_every: int
    """Steps between those with R1 and R2; lazy ones in small batches let classes collapse."""

    def adam(self, images: int) -> AdamSettings:
        """Adam (0, beta2) whose rate is held, then falls to the part that is left."""
        schedule = Cosine(self.rate, self.left * self.rate, images, int(self.held * images))
        return AdamSettings(schedule, constant(self.beta2))


BY_CLASS = Settings(batch_size=64, rate=RATES["strided"], left=0.25, held=0.0, beta2=0.99, penalty_every=1)
WITHOUT_LABELS = Settings(batch_size=32, rate=3e-3, left=0.05, held=0.5, beta2=0.95, penalty_every=4)
"""On a CPU."""
WITHOUT_LABELS_ON_GPU = replace(WITHOUT_LABELS, batch_size=64, held=0.0, beta2=0.99)
"""As on a CPU until 2026-11-26: what was found there for runs of minutes is unproven for long ones."""
PROBE_STEPS, AUDIT_STEPS = 60, 400
"""On a CPU its steps are short, so that probes and audits must be further apart to stay under 5 % of the time."""
AUGMENTATIONS = ()
AUGMENTATION_PROBABILITY = 0.0


def strided(facts: Facts, options: Options) -> Run:
    """A run of strided convolutions, relativistic loss, R1 + R2, Adam without momentum, averaged generator.

    Without labels on a CPU: batches of 32, penalties at each 4th step, rates of 3e-3 that fall in the second half,
    beta2 .95; by class 64, each step, rates falling from 2e-3, .99.
    # Unlike R3GAN: no residual blocks: they see an eighth of the images in the same time. The layers run in bfloat16
    where that is much faster (docs/log.md). InputError for points.
    """
    if len(facts.shape) != 3:
        raise InputError(f"recipe strided makes images and {facts.data.source} holds points: use recipe points")
    tuned = settings(facts, options)
    shared = shared_settings(facts, options, IMAGES[facts.device], tuned.batch_size)
    images = shared["images"]
    adam = tuned.adam(images)
    gamma = usual_gamma(facts.shape)  # at the start; it falls tenfold
    size = {"size": options.size or default_size(facts)}
    size |= bfloat16_stages(facts.fast_bfloat16, options, stages_of(facts))
    probability = options.augmentation_probability
    run = Run(
        recipe="strided",
        generator=PlayerSettings(dcgan.generator, size | {"gains": True, "output": layers.bounded}),
        discriminator=PlayerSettings(dcgan.discriminator, size | {"kernel": 3}),
        loss=options.loss or losses.relativistic,
        generator_adam=adam,
        discriminator_adam=adam,
        penalties=gradient_penalties(
            options, shared, gamma, lambda start: Cosine(start, start / 10, images), tuned.penalty_every
        ),
        augmentations=AUGMENTATIONS if options.augmentations is None else options.augmentations,
        augmentation_probability=constant(AUGMENTATION_PROBABILITY if probability is None else probability),
        **shared | (probing(shared["batch_size"]) if facts.device == "cpu" else {}),
    )
    return adjusted(run, options)


def settings(facts: Facts, options: Options) -> Settings:
    """Those of this kind of run: by class, or without labels on this device."""
    if is_conditional(facts, options):
        return BY_CLASS
    return WITHOUT_LABELS if facts.device == "cpu" else WITHOUT_LABELS_ON_GPU


def probing(batch_size: int) -> dict[str, Any]:
    """Images between probes, and between audits."""
    return {"probe_images": PROBE_STEPS * batch_size, "audit_images": AUDIT_STEPS * batch_size}


def default_size(facts: Facts) -> str:
    """`base` on a GPU; on a CPU `small` up to 64x64, `tiny` above, where steps take seconds otherwise."""
    if facts.device == "cuda":
        return "base"
    return "small" if facts.pixels <= 64 * 64 else "tiny"
