"""A candidate in training: a game as `nablagan train` plays it, or a baseline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from nablagan.baselines import Method, Plan, Sampler, Training
from nablagan.baselines.vae import halved
from nablagan.comparison.sizes import fitted_width
from nablagan.data import Dataset
from nablagan.players import layers, parameter_count
from nablagan.recipes import Facts, Options, default, facts_of
from nablagan.training.engine import Engine, has_fast_bfloat16
from nablagan.training.loop import prepare, sampler_of, steps
from nablagan.training.run import DataSettings, PlayerSettings, Run

Recipe = Callable[[Facts, Options], Run]


@dataclass(frozen=True)
class Task:
    """What all candidates are given alike."""

    data: DataSettings
    dataset: Dataset
    """What they may train on; none of it is held out."""
    engine: Engine
    seed: int
    batch_size: int = 64
    """Of the baselines; a recipe has its own."""

    @property
    def facts(self) -> Facts:
        """What a recipe is told."""
        device = self.engine.device
        return facts_of(self.dataset, self.data, device.type, has_fast_bfloat16(device))


class Trainee(Protocol):
    """A net, or two, on the way; time is counted in images."""

    samplers: tuple[Sampler, ...]

    @property
    def images_seen(self) -> int:
        """Images that it has trained on."""
        ...

    @property
    def parameters(self) -> int:
        """Of everything that is trained."""
        ...

    @property
    def sampling_net(self) -> nn.Module:
        """The net that makes samples, averaged."""
        ...

    @property
    def sampling_module(self) -> nn.Module:
        """What samplers are given."""
        ...

    def steps(self) -> Iterator[object]:
        """Train, yielding after each step. Raises Diverged."""
        ...


Begin = Callable[[Task, int], Trainee]
"""(task, images after which it ends) -> a candidate at its start."""


class GameTrainee:
    """A recipe's run, unconditional, without held-out samples and probes."""

    def __init__(self, run: Run, task: Task) -> None:
        self.run, self.task = run, task
        self.state = prepare(run, task.dataset.shape, 0, task.engine)
        self.samplers = (Sampler("generator", 1, partial(_generated, latent_size=run.latent_size)),)

    @property
    def images_seen(self) -> int:
        return self.state.images_seen

    @property
    def parameters(self) -> int:
        return sum(parameter_count(player) for player in self.state.game.players)

    @property
    def sampling_net(self) -> nn.Module:
        return self.state.averages.players[self.run.ema_half_lives[0]]

    @property
    def sampling_module(self) -> nn.Module:
        return self.sampling_net

    def steps(self) -> Iterator[object]:
        return steps(self.state, sampler_of(self.run, self.task.dataset, self.task.engine))


class BaselineTrainee:
    """A baseline's training."""

    def __init__(self, method: Method, plan: Plan, task: Task) -> None:
        self.training = Training(method, plan, task.dataset, task.engine)
        self.samplers = method.samplers

    @property
    def images_seen(self) -> int:
        return self.training.images_seen

    @property
    def parameters(self) -> int:
        return parameter_count(self.training.module)

    @property
    def sampling_net(self) -> nn.Module:
        return self.training.method.sampling_net(self.training.average)

    @property
    def sampling_module(self) -> nn.Module:
        return self.training.average

    def steps(self) -> Iterator[object]:
        return self.training.steps()


def default_game(task: Task, images: int) -> Trainee:
    """What `nablagan train` trains today, with its own batch."""
    return GameTrainee(_alone(default(task.facts, _options(task, images))), task)


def resized_game(recipe: Recipe, rate: float, task: Task, images: int) -> Trainee:
    """A recipe at this learning rate, whose players together have as many parameters as the default's."""
    run = _alone(recipe(task.facts, replace(_options(task, images), learning_rate=rate)))
    width = fitted_width(lambda width: _players(_widened(run, task, width), task), default_size(task))
    return GameTrainee(_widened(run, task, width), task)


def baseline(method: Method, task: Task, images: int) -> Trainee:
    """A baseline with as many parameters as the default's players together."""
    width = fitted_width(partial(method.build, task.dataset.shape), default_size(task))
    return BaselineTrainee(method, Plan(width, images, task.batch_size, task.seed, task.facts.fast_bfloat16), task)


def default_size(task: Task) -> int:
    """Parameters of the default's generator and discriminator together."""
    with torch.random.fork_rng(devices=[]):
        return parameter_count(_players(default(task.facts, _options(task, 1)), task))


def _options(task: Task, images: int) -> Options:
    return Options(images=images, conditional=False, seed=task.seed)


def _alone(run: Run) -> Run:
    """The run with all of the data: nothing is held out and nothing looked at on the way."""
    return replace(run, holdout=0, probe_images=0, audit_images=0)


def _widened(run: Run, task: Task, width: int) -> Run:
    """The run with convolutional players of this width at the lowest resolution."""
    widths = {"widths": halved(width, layers.stages(*task.dataset.shape[1:])[2] + 1)}
    generator, discriminator = (
        PlayerSettings(player.build, player.options | widths) for player in (run.generator, run.discriminator)
    )
    return replace(run, generator=generator, discriminator=discriminator)


def _players(run: Run, task: Task) -> nn.Module:
    """Both players, on the CPU, to be counted."""
    shape = task.dataset.shape
    return nn.ModuleList(
        [
            run.generator.build(shape, latent_size=run.latent_size, classes=0, **run.generator.options),
            run.discriminator.build(shape, classes=0, **run.discriminator.options),
        ]
    )


def _generated(
    module: nn.Module, shape: tuple[int, ...], count: int, draws: torch.Generator, latent_size: int
) -> Tensor:
    parameter = next(module.parameters())
    latent = torch.randn(count, latent_size, generator=draws, dtype=parameter.dtype)
    return module(latent.to(parameter.device), None)
