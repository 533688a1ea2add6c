"""The settings of benchmarks/doctor.py: trainings that are known to fail, and healthy ones."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nablagan import losses, optim, recipes
from nablagan.data import Dataset
from nablagan.game import Game
from nablagan.objectives import discriminator_objective, generator_objective
from nablagan.players import dcgan, layers
from nablagan.recipes import Options
from nablagan.training.ema import Averages
from nablagan.training.engine import Engine
from nablagan.training.loop import State, _adam, prepare, weights
from nablagan.training.run import DataSettings, Run
from nablagan.types import Batch, Outcome, Pair

WIDTHS = (48, 24, 12)
"""Of both players, lowest resolution first: 0.1 million parameters each."""
IMAGES = 32_000


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
    optimizers = _adam(generator, run.generator_adam), _adam(player, run.discriminator_adam)
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

    def problem(self, whole: Problem) -> Problem:
        """The data that it trains on."""
        if self.samples is None:
            return whole
        chosen = np.sort(np.random.default_rng(0).permutation(len(whole.dataset))[: self.samples])
        dataset = whole.dataset
        labels = None if dataset.labels is None else dataset.labels[chosen]
        return Problem(whole.name, replace(dataset, samples=dataset.samples[chosen], labels=labels))

    def run(self, problem: Problem, seed: int) -> Run:
        """The recipe `strided` with tiny players."""
        facts = recipes.facts_of(problem.dataset, DataSettings(problem.name))
        options = replace(self.options, images=self.options.images or IMAGES, seed=seed)
        run = recipes.strided(facts, options)
        players = (replace(p, options=p.options | {"widths": WIDTHS}) for p in (run.generator, run.discriminator))
        generator, discriminator = players
        return replace(run, generator=generator, discriminator=discriminator)


by_class, without = partial(Options, conditional=True), partial(Options, conditional=False)
SETTINGS = (
    # --- known to fail ---
    Setting("auxiliary classifier", "digits", by_class(loss=losses.hinge, gamma=0.0), prepare=auxiliary_classifier),
    Setting("hinge by class, no normalisation", "fashion", by_class(loss=losses.hinge, gamma=0.0)),
    Setting("least squares, no penalty", "digits", without(loss=losses.least_squares, gamma=0.0)),
    Setting("wasserstein, no penalty", "fashion", without(loss=losses.wasserstein, gamma=0.0)),
    Setting("minimax, no penalty", "digits", without(loss=losses.minimax, gamma=0.0)),
    Setting("gamma too small", "digits", by_class(gamma=1e-3)),
    Setting("gamma too large", "fashion", without(gamma=1e4)),
    Setting("discriminator too fast", "fashion", by_class(discriminator_learning_rate=2e-2, gamma=0.01)),
    Setting("generator too fast", "digits", without(learning_rate=4e-2, discriminator_learning_rate=2e-3)),
    Setting("steps too long", "fashion", without(learning_rate=3e-2)),
    Setting("tiny data", "digits", without(gamma=0.02), samples=60),
    Setting("momentum", "fashion", without(loss=losses.non_saturating, gamma=0.0, beta1=0.9)),
    # --- healthy ---
    Setting("default by class", "digits", by_class(), healthy=True),
    Setting("default by class on clothes", "fashion", by_class(), healthy=True),
    Setting("default without labels", "digits", without(), healthy=True),
    Setting("default without labels on clothes", "fashion", without(), healthy=True),
    Setting("gamma auto", "digits", by_class(gamma="auto"), healthy=True),
    Setting("non-saturating with penalties", "fashion", without(loss=losses.non_saturating), healthy=True),
    Setting(
        "hinge, spectral norm",
        "fashion",
        without(
            loss=losses.hinge,
            gamma=0.0,
            spectral_norm=True,
            beta1=0.5,
            learning_rate=2e-4,
            discriminator_learning_rate=4e-4,
        ),
        healthy=True,
    ),
    Setting("least squares with penalties", "digits", without(loss=losses.least_squares, gamma=0.3), healthy=True),
    Setting("half the rate, larger batch", "fashion", by_class(learning_rate=1e-3, batch_size=128), healthy=True),
    Setting(
        "augmented, 500 images",
        "digits",
        without(augmentations=("color", "translation"), augmentation_probability=0.5),
        samples=500,
        healthy=True,
    ),
    Setting("optimistic update", "digits", by_class(update=optim.Optimistic), healthy=True),
    Setting("wasserstein with penalties", "fashion", without(loss=losses.wasserstein, gamma=1.0), healthy=True),
)
