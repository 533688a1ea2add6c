"""What a recipe is told: facts about the data and the device, and what the user chose instead of its defaults."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from nablagan import penalties
from nablagan.data import Dataset
from nablagan.data.sampler import MaskMaker
from nablagan.optim import Alternating, Balanced, Cosine, Update
from nablagan.penalties import Method
from nablagan.players import layers, spectral
from nablagan.training.run import DataSettings, PenaltySettings, PlayerSettings, Run
from nablagan.types import InputError, Loss

PARTS = 12
"""Sample pictures and checkpoints of a run."""
HOLDOUT, HOLDOUT_PART = 64, 10
"""Samples held out, at most, and the part of the data that they may be."""
PROBE_STEPS, AUDIT_STEPS = 20, 100
"""Between probes of the vital signs, and between audits of an update: both together cost under 5 % of the time."""
AUTO = "auto"
TARGET_BY_CLASS, TARGET = 0.6, 2.0
"""Of a weight that follows the game (docs/gamma.md): a discriminator that knows the class must be held back more."""
BALANCE_PARTS, BALANCE_MOST, BALANCE_STEPS = 25, 10_000, 10
"""A weight that follows the game may change e-fold in this part of the run, so many images at most, steps at least."""


@dataclass(frozen=True)
class Facts:
    """The data and where training will happen."""

    data: DataSettings
    shape: tuple[int, ...]
    """(channels, height, width), or (2,) for points."""
    classes: int
    """0 without labels."""
    count: int
    """Real samples."""
    device: str = "cpu"
    """`cpu` or `cuda`."""
    fast_bfloat16: bool = False
    """Whether the device multiplies matrices in bfloat16 much faster than in float32 (`engine.has_fast_bfloat16`)."""
    source_shape: tuple[int, ...] | None = None
    """(channels, height, width) of images to be translated, if there are any."""
    paired: bool = True
    """Whether each sample has its own source."""
    masked: bool = False
    """Whether the data bring masks of what is missing."""

    @property
    def pixels(self) -> int:
        """Height times width."""
        return self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Options:
    """What the user may choose for any recipe; None leaves the recipe's own choice."""

    images: int | None = None
    batch_size: int | None = None
    size: str | None = None
    gamma: float | str | None = None
    """Weight of R1 and R2 at the start, or AUTO: one that follows the game from there on."""
    penalty_method: Method | None = None
    """How R1 and R2 find the slope."""
    penalty_every: int | None = None
    """At each so-manieth step R1 and R2 are taken, with so many times the weight."""
    learning_rate: float | None = None
    """Of both players, or of the generator alone beside `discriminator_learning_rate`."""
    discriminator_learning_rate: float | None = None
    beta1: float | None = None
    """Of both players' Adam."""
    spectral_norm: bool = False
    """Whether the discriminator's weights are divided by their largest singular value."""
    loss: Loss | None = None
    update: Callable[..., Update] | None = None
    augmentations: tuple[str, ...] | None = None
    augmentation_probability: float | None = None
    pair_augmentations: tuple[str, ...] = ()
    """Of what is translated or completed."""
    conditional: bool | None = None
    latent_size: int | None = None
    net: Callable[..., nn.Module] | None = None
    """What builds the generator that starts from images: players.unet.generator, for instance."""
    masks: MaskMaker | None = None
    """What is missing from an image that is to be completed."""
    sees_source: bool | None = None
    """Whether in pairs the discriminator sees the source beside the image; None: in `pix2pix` alone."""
    scales: int = 1
    """Resolutions at which the discriminator of patches looks."""
    reconstruction: float | None = None
    """Weight of what is not adversarial: the difference to the truth, the cycle, the contrast."""
    feature_matching: float | None = None
    perceptual: float | None = None
    """Weight of the distance to the truth in the features of a network trained on photographs."""
    diversity: float | None = None
    """Weight of the difference between outputs of one source, where there is a latent."""
    ema_half_lives: tuple[int, ...] | None = None
    picture_images: int | None = None
    checkpoint_images: int | None = None
    seed: int = 0
    dtype: str | None = None
    """float64; float32; bfloat16: float32 weights and losses, the players' layers in bfloat16. None: the recipe's."""

    def __post_init__(self) -> None:
        if self.dtype not in (None, "float64", "float32", "bfloat16"):
            raise InputError(f"dtype is {self.dtype}: use float32, bfloat16 or float64")
        numbers = ("images", "batch_size", "latent_size", "picture_images", "checkpoint_images", "penalty_every")
        for name in (*numbers, "learning_rate", "discriminator_learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name.replace('_', ' ')} is {value}: give a number above 0")
        if (
            self.gamma is not None
            and self.gamma != AUTO
            and not (isinstance(self.gamma, (int, float)) and self.gamma >= 0)
        ):
            raise InputError(f"gamma is {self.gamma}: give a number of at least 0, or {AUTO}")
        if self.beta1 is not None and not 0 <= self.beta1 < 1:
            raise InputError(f"beta1 is {self.beta1}: give a number in [0, 1)")
        if self.augmentation_probability is not None and not 0 <= self.augmentation_probability <= 1:
            raise InputError(f"augmentation probability is {self.augmentation_probability}: give a number in [0, 1]")
        if any(half_life < 1 for half_life in self.ema_half_lives or ()):
            raise InputError(f"EMA half-lives are {self.ema_half_lives}: give numbers of images above 0")


def gradient_penalties(
    options: Options, shared: dict[str, Any], gamma: float, schedule: Callable[[float], Cosine], every: int = 1
) -> tuple[PenaltySettings, ...]:
    """R1 and R2 in a run with these shared settings, their slopes found by the method that the user chose.

    Their weight is the schedule of the user's gamma or the recipe's own, or for AUTO follows the game from the latter.
    None for a gamma of 0. They are taken at each `every`-th step unless the user chose another.
    """
    if options.gamma == 0:
        return ()
    method = options.penalty_method
    if options.gamma == AUTO:
        part = min(shared["images"] // BALANCE_PARTS, BALANCE_MOST)
        target = TARGET_BY_CLASS if shared["conditional"] else TARGET
        weight = Balanced(start=gamma, images=max(part, BALANCE_STEPS * shared["batch_size"]), target=target)
    else:
        weight = schedule(gamma if options.gamma is None else float(options.gamma))
    chosen = (penalties.r1, penalties.r2)
    every = options.penalty_every or every
    return tuple(PenaltySettings(p if method is None else partial(p, method=method), weight, every) for p in chosen)


def refuse_penalty_choices(options: Options, recipe: str, remedy: str) -> None:
    """Raise InputError for a choice of how or when penalties are taken, made for a run that has none."""
    if options.penalty_method is not None or options.penalty_every is not None:
        raise InputError(f"recipe {recipe} has no penalty for --penalty-method and --penalty-every: {remedy}")


def adjusted(run: Run, options: Options) -> Run:
    """The recipe's run with the user's choices that no recipe treats in its own way."""
    rates = (options.learning_rate, options.discriminator_learning_rate or options.learning_rate)
    beta1 = run.generator_adam.beta1 if options.beta1 is None else options.beta1
    generator_adam, discriminator_adam = (
        replace(
            adam, beta1=beta1, learning_rate=adam.learning_rate if rate is None else started(adam.learning_rate, rate)
        )
        for adam, rate in zip((run.generator_adam, run.discriminator_adam), rates, strict=True)
    )
    return replace(
        run,
        generator_adam=generator_adam,
        discriminator_adam=discriminator_adam,
        discriminator=normalised(run.discriminator) if options.spectral_norm else run.discriminator,
    )


def started(schedule: Cosine, start: float) -> Cosine:
    """The schedule from another start, in the same proportions."""
    return replace(schedule, start=start, end=schedule.end * start / schedule.start)


def normalised(player: PlayerSettings) -> PlayerSettings:
    """The player with spectral normalisation."""
    return PlayerSettings(spectral, player.options | {"of": player.build})


def facts_of(dataset: Dataset, data: DataSettings, device: str = "cpu", fast_bfloat16: bool = False) -> Facts:
    """The facts about an opened data set."""
    sources = None if dataset.sources is None else tuple(dataset.sources.shape[1:])
    return Facts(
        data,
        dataset.shape,
        len(dataset.classes),
        len(dataset),
        device,
        source_shape=sources,
        paired=dataset.is_paired,
        fast_bfloat16=fast_bfloat16,
        masked=dataset.masks is not None,
    )


def stages_of(facts: Facts) -> int:
    """The resolutions of the players, from the base to the images."""
    return layers.stages(*facts.shape[1:])[2] + 1


def bfloat16_stages(wanted: bool, options: Options, count: int) -> dict[str, int]:
    """The option of the players for `count` stages in bfloat16, where the user asked for it or left it to `wanted`."""
    chosen = wanted if options.dtype is None else options.dtype == "bfloat16"
    return {"bfloat16_stages": count} if chosen else {}


def shared_settings(facts: Facts, options: Options, images: int, batch_size: int) -> dict[str, Any]:
    """The fields of a Run that every recipe resolves alike. `images` and `batch_size` are the recipe's own choices."""
    images, batch_size = options.images or images, options.batch_size or batch_size
    part = max(batch_size, images // PARTS)
    return {
        "data": facts.data,
        "images": images,
        "batch_size": batch_size,
        "conditional": is_conditional(facts, options),
        "update": options.update or Alternating,
        "latent_size": 64 if options.latent_size is None else options.latent_size,
        "ema_half_lives": options.ema_half_lives or (max(1, images // 25), max(1, images // 100)),
        "tick_images": max(batch_size, images // 100),
        "picture_images": options.picture_images or part,
        "checkpoint_images": options.checkpoint_images or part,
        "holdout": min(HOLDOUT, facts.count // HOLDOUT_PART),
        "probe_images": PROBE_STEPS * batch_size,
        "audit_images": AUDIT_STEPS * batch_size,
        "seed": options.seed,
        "dtype": "float64" if options.dtype == "float64" else "float32",
    }


def is_conditional(facts: Facts, options: Options) -> bool:
    """Whether labels are used: when there are any, unless the user declines. InputError if asked for without any."""
    if options.conditional and not facts.classes:
        raise InputError(f"{facts.data.source} has no labels: leave --conditional out, or give each class a folder")
    return facts.classes > 0 if options.conditional is None else options.conditional
