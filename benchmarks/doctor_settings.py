"""The settings of benchmarks/doctor.py: trainings that are known to fail, and healthy ones."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nablagan import losses, optim, recipes
from nablagan.cli import train
from nablagan.cli.choices import options_of
from nablagan.data import Dataset
from nablagan.game import Game
from nablagan.objectives import discriminator_objective, generator_objective
from nablagan.players import dcgan, layers
from nablagan.recipes import Facts, Options
from nablagan.training.ema import Averages
from nablagan.training.engine import Engine
from nablagan.training.loop import State, adam, prepare, weights
from nablagan.training.run import DataSettings, Run
from nablagan.types import Batch, Outcome, Pair

WIDTHS = (48, 24, 12)
"""Of both players, lowest resolution first: 0.1 million parameters each."""
IMAGES, BATCH_SIZE = 32_000, 64


@dataclass(frozen=True)
class Problem:
    """A data set and its name."""

    name: str
    dataset: Dataset


def auxiliary_classifier(run: Run, dataset: Dataset, here: Engine) -> State:
    """The state of an AC-GAN (Odena et al. 2017): both players also lower the cross-entropy of a classifier head."""
    plain = prepare(run, dataset.shape, len(dataset.classes), here)
    torch.manual_seed(run.seed)
    player = WithClassifier(dcgan.discriminator(dataset.shape, widths=WIDTHS, kernel=3), len(dataset.classes))
    penalties = weights(run.penalties, plain.balances)

    def entropy(images: Tensor, judge: Callable[..., Tensor], batch: Batch) -> Tensor:
        return cross_entropy(judge(images, None)[:, 1:], batch.label, reduction="none")

    def generator_loss(judge: Callable[..., Tensor], fake: Tensor, batch: Batch) -> Outcome:
        total, measures = generator_objective(run.loss, judge, Pair(batch.real, fake, batch.label))
        return Outcome(total + entropy(fake, judge, batch), measures)

    def discriminator_loss(judge: Callable[..., Tensor], fake: Tensor, batch: Batch) -> Outcome:
        pair = Pair(batch.real, fake, batch.label, batch.latent, batch.images_seen)
        total, measures = discriminator_objective(run.loss, penalties, judge, pair)
        return Outcome(total + entropy(batch.real, judge, batch) + entropy(fake, judge, batch), measures)

    generator = plain.game.generator
    game = Game(generator, player, lambda g, batch: g(batch.latent, batch.label), generator_loss, discriminator_loss)
    optimizers = adam(generator, run.generator_adam), adam(player, run.discriminator_adam)
    return State(run, game, run.update(game, *optimizers), Averages(generator, run.ema_half_lives), plain.balances)


class WithClassifier(nn.Module):
    """A discriminator with a classifier beside its judgement: without a label it gives (batch, 1 + classes) numbers."""

    def __init__(self, discriminator: dcgan.Discriminator, classes: int) -> None:
        super().__init__()
        self.convolutions = discriminator.convolutions
        self.head = layers.Linear(discriminator.judgement.linear.weight.shape[1], 1 + classes)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        for convolution in self.convolutions:
            images = layers.leaky_relu(convolution(images))
        numbers = self.head(images.flatten(1))
        return numbers if label is None else numbers[:, 0]


def usual(run: Run, dataset: Dataset, here: Engine) -> State:
    """What training itself prepares."""
    return prepare(run, dataset.shape, len(dataset.classes), here)


@dataclass(frozen=True)
class Setting:
    """A training by the options that a user would give."""

    name: str
    data: str
    options: Options
    healthy: bool = False
    samples: int | None = None
    """So many of the data set only."""
    prepare: Callable[[Run, Dataset, Engine], State] = usual
    half: str = "thresholds"
    """`thresholds` were chosen with it, or it is of the half that the `report` is about."""

    def problem(self, whole: Problem) -> Problem:
        """The data that it trains on."""
        if self.samples is None:
            return whole
        chosen = np.sort(np.random.default_rng(0).permutation(len(whole.dataset))[: self.samples])
        dataset = whole.dataset
        labels = None if dataset.labels is None else dataset.labels[chosen]
        return Problem(whole.name, replace(dataset, samples=dataset.samples[chosen], labels=labels))

    def run(self, problem: Problem, seed: int, options: Options) -> Run:
        """The recipe `strided` with tiny players, of this setting's options or changed ones."""
        facts = recipes.facts_of(problem.dataset, DataSettings(problem.name))
        return self.resolved(facts, replace(options, seed=seed))

    def resolved(self, facts: Facts, options: Options) -> Run:
        """The same from facts alone."""
        rate = options.learning_rate or 2e-3
        then = {"batch_size": BATCH_SIZE, "penalty_every": 1, "learning_rate": rate}  # the recipe of docs/diagnosis.md
        then["discriminator_learning_rate"] = options.discriminator_learning_rate or rate
        run = recipes.strided(facts, replace(options, images=options.images or IMAGES, **then))
        run = replace(run, probe_images=20 * BATCH_SIZE, audit_images=100 * BATCH_SIZE)
        players = (replace(p, options=p.options | {"widths": WIDTHS}) for p in (run.generator, run.discriminator))
        generator, discriminator = players
        return replace(run, generator=generator, discriminator=discriminator)


def changed(options: Options, words: Sequence[str]) -> Options:
    """The options with an advice's words for the command line, as the command line reads them."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    given = options_of(parser.parse_args(list(words)))
    standard = Options()
    return replace(options, **{k: v for k, v in vars(given).items() if v != getattr(standard, k)})


REPORT = "report"
by_class, without = partial(Options, conditional=True), partial(Options, conditional=False)
well_by_class = partial(by_class, discriminator_learning_rate=8e-3)
"""With players this small a discriminator that learns no faster than the generator lets each class collapse."""
SETTINGS = (
    # --- known to fail ---
    Setting(
        "auxiliary classifier", "digits", well_by_class(loss=losses.hinge, gamma=0.0), prepare=auxiliary_classifier
    ),
    Setting("gamma too small", "digits", well_by_class(gamma=1e-4)),
    Setting("tiny data", "digits", without(), samples=25),
    Setting("wasserstein, no penalty", "fashion", without(loss=losses.wasserstein, gamma=0.0, learning_rate=2e-2)),
    Setting("discriminator too fast", "fashion", without(discriminator_learning_rate=0.1)),
    Setting("momentum", "fashion", without(loss=losses.non_saturating, gamma=0.0, beta1=0.9)),
    Setting(
        "least squares by class, no penalty", "digits", well_by_class(loss=losses.least_squares, gamma=0.0), half=REPORT
    ),
    Setting("generator too fast", "digits", without(learning_rate=0.2, discriminator_learning_rate=2e-3), half=REPORT),
    Setting(
        "minimax, no penalty",
        "digits",
        without(loss=losses.minimax, gamma=0.0, discriminator_learning_rate=4e-2),
        half=REPORT,
    ),
    Setting("hinge by class, no normalisation", "fashion", well_by_class(loss=losses.hinge, gamma=0.0), half=REPORT),
    Setting("gamma too large", "fashion", without(gamma=1e4), half=REPORT),
    Setting("steps too long", "fashion", without(learning_rate=0.1), half=REPORT),
    # --- healthy ---
    Setting("without labels", "digits", without(), healthy=True),
    Setting("gamma auto", "digits", well_by_class(gamma="auto"), healthy=True),
    Setting("least squares with penalties", "digits", without(loss=losses.least_squares), healthy=True),
    Setting("clothes by class", "fashion", well_by_class(), healthy=True),
    Setting("non-saturating with penalties", "fashion", without(loss=losses.non_saturating), healthy=True),
    Setting("half the rate", "fashion", without(learning_rate=1e-3), healthy=True),
    Setting("by class", "digits", well_by_class(), healthy=True, half=REPORT),
    Setting("optimistic update", "digits", without(update=optim.Optimistic), healthy=True, half=REPORT),
    Setting(
        "augmented, 500 images",
        "digits",
        without(augmentations=("color", "translation", "cutout"), augmentation_probability=0.5),
        samples=500,
        healthy=True,
        half=REPORT,
    ),
    Setting("clothes without labels", "fashion", without(), healthy=True, half=REPORT),
    Setting("wasserstein with penalties", "fashion", without(loss=losses.wasserstein), healthy=True, half=REPORT),
    Setting("hinge with penalties", "fashion", without(loss=losses.hinge), healthy=True, half=REPORT),
)
