"""Training of a baseline: one net, one loss, Adam on a falling rate, an average; draws from seeds alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from nablagan.baselines.method import Method
from nablagan.data import Dataset
from nablagan.data.sampler import Sampler, seeded
from nablagan.optim import Cosine
from nablagan.players.precision import forgo_bfloat16
from nablagan.training.ema import Averages
from nablagan.training.engine import Engine
from nablagan.training.loop import Diverged, channels_last
from nablagan.types import InputError

BETAS = (0.9, 0.99)
LAST_RATE = 0.1
"""Part of the learning rate that is left at the end."""
LARGEST_GRADIENT = 1.0
"""Norm to which a larger gradient is scaled down."""
AVERAGED = 25
"""The average's half-life is this part of the run."""


@dataclass(frozen=True)
class Plan:
    """What a training of a baseline depends on, besides method and data."""

    width: int
    images: int
    """After which it ends; the learning rate falls over them."""
    batch_size: int = 64
    seed: int = 0
    bfloat16: bool = False
    """Whether layers run in bfloat16 (`engine.has_fast_bfloat16`); weights and losses are float32 in any case."""

    def __post_init__(self) -> None:
        for name in ("width", "images", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of a baseline is {getattr(self, name)}: give a number >= 1")


class Training:
    """A net on its way: `steps()` trains it, `average` is the moving average that samples are drawn from."""

    def __init__(self, method: Method, plan: Plan, dataset: Dataset, engine: Engine) -> None:
        """Raises InputError for points."""
        if not dataset.is_images:
            raise InputError(f"{method.name} makes images and {dataset.name} holds points: give images")
        self.method, self.plan, self.dataset, self.engine = method, plan, dataset, engine
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeded(plan.seed, "weights").initial_seed())
            self.module = channels_last(method.build(dataset.shape, plan.width).to(engine.device))
        if not plan.bfloat16:
            forgo_bfloat16(self.module)
        self.rate = Cosine(method.learning_rate, LAST_RATE * method.learning_rate, plan.images)
        self.optimizer = torch.optim.Adam(self.module.parameters(), method.learning_rate, BETAS, fused=True)
        half_life = max(1, plan.images // AVERAGED)
        self.averages = Averages(self.module, (half_life,))
        self.images_seen = 0

    @property
    def average(self) -> nn.Module:
        """The averaged net."""
        return next(iter(self.averages.players.values()))

    def steps(self) -> Iterator[float]:
        """Train to the plan's last image, yielding each step's loss. Raises Diverged where it is not finite."""
        sampler = Sampler(self.dataset, self.plan.batch_size, 1, self.plan.seed, device=self.engine.device)
        while self.images_seen < self.plan.images:
            yield self._step(sampler)

    def _step(self, sampler: Sampler) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.images_seen)
        draws = seeded(self.plan.seed, "noise", self.images_seen)
        loss = self.method.loss(self.module, sampler.batch(self.images_seen).real, draws).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), LARGEST_GRADIENT)
        value = loss.item()
        if not math.isfinite(value) or not math.isfinite(norm.item()):
            raise Diverged(self.images_seen, f"the loss of {self.method.name} is {value}, its gradient {norm.item()}")
        self.optimizer.step()
        self.images_seen += self.plan.batch_size
        self.averages.update(self.module, self.plan.batch_size, self.images_seen)
        return value
