"""A run as one record: everything that decides what a training does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from nablagan.data import Dataset, open_dataset
from nablagan.data.augment import KINDS
from nablagan.data.paired_augment import PAIRED_KINDS
from nablagan.game import Game
from nablagan.optim import Alternating, Balanced, Cosine, Update, constant
from nablagan.tasks import generation
from nablagan.types import InputError, Loss

NEVER = constant(0.0)


@dataclass(frozen=True)
class DataSettings:
    """Which data, and how they are opened."""

    source: str
    resolution: tuple[int, int] | None = None
    channels: int | None = None
    fit: str | None = None
    limit_bad: float = 0.01
    opener: Callable[..., Dataset] = open_dataset
    """`data.open_dataset`, `data.open_pairs` or `data.open_masked`."""
    options: dict[str, Any] = field(default_factory=dict)
    """What the opener is given beside the fields above."""
    reverse: bool = False
    """Whether samples and sources change their places (`data.reversed_pairs`)."""


@dataclass(frozen=True)
class PlayerSettings:
    """A function that builds a player, and its arguments."""

    build: Callable[..., nn.Module]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskSettings:
    """A function of `tasks` that returns the game of two players, and what it is given beside loss and penalties."""

    build: Callable[..., Game] = generation
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def generates(self) -> bool:
        """Whether images are made of latents alone, not of other images."""
        return self.build is generation


@dataclass(frozen=True)
class AdamSettings:
    """Adam for one player: learning rate and beta2 as functions of the images seen."""

    learning_rate: Cosine
    beta2: Cosine
    beta1: float = 0.0
    eps: float = 1e-8


@dataclass(frozen=True)
class PenaltySettings:
    """A penalty of either player and its weight gamma as a function of the images seen."""

    penalty: Callable[..., torch.Tensor]
    """`types.Penalty`, or `types.GeneratorPenalty`."""
    weight: Cosine | Balanced
    """A schedule, or a rule by which it follows the game; penalties with equal rules share one weight."""
    every: int = 1
    """At each so-manieth step only, so many times the weight (`penalties.lazily`); of the discriminator's."""


@dataclass(frozen=True)
class Run:
    """One training, fully resolved. Images are the unit of time; intervals are rounded up to whole steps."""

    recipe: str
    data: DataSettings
    generator: PlayerSettings
    discriminator: PlayerSettings
    loss: Loss
    generator_adam: AdamSettings
    discriminator_adam: AdamSettings
    images: int
    """Images shown to the discriminator before training ends."""
    tick_images: int
    picture_images: int
    checkpoint_images: int
    penalties: tuple[PenaltySettings, ...] = ()
    generator_penalties: tuple[PenaltySettings, ...] = ()
    augmentations: tuple[str, ...] = ()
    augmentation_probability: Cosine = NEVER
    pair_augmentations: tuple[str, ...] = ()
    """Of data that start from images: kinds of `data.paired_augment`, which move all that belongs together alike."""
    task: TaskSettings = TaskSettings()
    masks: Callable[..., Any] | None = None
    """For completion: (random, height, width) -> what is missing, a function of `data.masks`."""
    update: Callable[..., Update] = Alternating
    """(game, generator_optimizer, discriminator_optimizer) -> update; a class, or a function at the top level."""
    conditional: bool = False
    latent_size: int = 64
    """0 for a translator without noise of its own."""
    batch_size: int = 64
    ema_half_lives: tuple[int, ...] = (10_000,)
    """In images; the first is the one that samples are drawn from."""
    keep_checkpoints: int = 2
    holdout: int = 0
    """Samples that training never uses, so that what the discriminator knows by heart can be told."""
    probe_images: int = 0
    """Images between probes of the vital signs; 0 for none."""
    audit_images: int = 0
    """Images between audits of an update; 0 for none."""
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("images", "tick_images", "picture_images", "checkpoint_images", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: give a number >= 1")
        if self.latent_size < (least := int(self.task.generates)):
            raise InputError(f"latent_size is {self.latent_size}: give a number >= {least}")
        if not self.task.generates and (self.augmentations or self.generator_penalties):
            raise InputError(
                f"augmentations and penalties of the generator are for generation, not {self.task.build.__name__}: "
                "leave them out"
            )
        if self.keep_checkpoints < 1:
            raise InputError(f"keep_checkpoints is {self.keep_checkpoints}: at least 1 is needed to resume")
        for name in ("holdout", "probe_images", "audit_images"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}: give a number >= 0")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}: give a number >= 0")
        if not self.ema_half_lives or min(self.ema_half_lives) < 1:
            raise InputError(f"ema_half_lives is {self.ema_half_lives}: give at least one number of images >= 1")
        if unknown := [kind for kind in self.augmentations if kind not in KINDS]:
            raise InputError(f"augmentation '{unknown[0]}' is unknown: choose among {', '.join(KINDS)}")
        self._check_pair_augmentations()
        for settings in (self.penalties, self.generator_penalties):
            chosen = [setting.penalty for setting in settings]
            if len(set(chosen)) < len(chosen):
                raise InputError("a penalty is listed twice, and only one of its weights would count: give their sum")
        self._check_intervals()
        if self.dtype not in ("float32", "float64"):
            raise InputError(f"dtype '{self.dtype}': use float32 or float64")

    def _check_pair_augmentations(self) -> None:
        if self.pair_augmentations and self.task.generates:
            raise InputError("pair augmentations are for translation and completion: leave them out")
        if unknown := [kind for kind in self.pair_augmentations if kind not in PAIRED_KINDS]:
            raise InputError(f"pair augmentation '{unknown[0]}' is unknown: choose among {', '.join(PAIRED_KINDS)}")

    def _check_intervals(self) -> None:
        if any(setting.every < 1 for setting in self.penalties):
            raise InputError("a penalty at every 0th step or less: give 1 or more")
        if any(setting.every != 1 for setting in self.generator_penalties):
            raise InputError("penalties of the generator are taken at each step: leave `every` at 1")

    def new_generator(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The generator of images (or points) of this shape, with weights drawn from torch's own generator."""
        return self.generator.build(
            shape, latent_size=self.latent_size, **self._labels(classes), **self.generator.options
        )

    def new_discriminator(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The discriminator, likewise."""
        return self.discriminator.build(shape, **self._labels(classes), **self.discriminator.options)

    def _labels(self, classes: int) -> dict[str, int]:
        return {"classes": classes} if self.conditional and classes else {}

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of parameters and batches."""
        return getattr(torch, self.dtype)
