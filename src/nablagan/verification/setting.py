"""Where the audit measures: a small GAN in float64 with all its randomness from one seed, and the two oracles.

D(x) = σ(a(x)) with a two-layer tanh network a; latents are normal draws, real samples normal about (1, 1, 1).
The oracles are automatic differentiation of a function as the article or the correction states it, and central finite
differences of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nablagan.game import Game
from nablagan.losses import minimax
from nablagan.pure import at
from nablagan.types import Batch, Outcome

Function = Callable[[Tensor], Tensor]


class Player(nn.Module):
    """inputs -> 8 tanh -> outputs, in float64, with weights drawn from `random`; (batch,) for one output."""

    def __init__(self, inputs: int, outputs: int, random: torch.Generator) -> None:
        super().__init__()
        self.body = nn.Sequential(_linear(inputs, 8), nn.Tanh(), _linear(8, outputs))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=random, dtype=torch.float64) / 4)

    def forward(self, given: Tensor, label: Tensor | None = None) -> Tensor:
        """(batch, inputs) -> (batch, outputs), or (batch,)."""
        return self.body(given).squeeze(1)


def _linear(inputs: int, outputs: int) -> nn.Module:
    """Without the usual initialisation, which would draw from the caller's random state."""
    return nn.utils.skip_init(nn.Linear, inputs, outputs, dtype=torch.float64)


@dataclass(frozen=True)
class Setting:
    """A minimax game and a batch of it; players also as functions of their flat parameters."""

    game: Game
    batch: Batch
    directions: tuple[Tensor, Tensor]
    """Two unit directions (n,)."""

    @cached_property
    def theta(self) -> Tensor:
        """The generator's parameters, (p,)."""
        return self.game.point().split(self.game.sizes)[0]

    @cached_property
    def psi(self) -> Tensor:
        """The discriminator's parameters, (q,)."""
        return self.game.point().split(self.game.sizes)[1]

    def generate(self, theta: Tensor) -> Tensor:
        """G(z), (batch, 3)."""
        return at(self.game.generator, theta)(self.batch.latent)

    def judge(self, psi: Tensor, samples: Tensor) -> Tensor:
        """The logits a or b, (batch,)."""
        return at(self.game.discriminator, psi)(samples)

    def on_real(self, psi: Tensor) -> Tensor:
        """D(x), probabilities (batch,)."""
        return torch.sigmoid(self.judge(psi, self.batch.real))

    def on_fake(self, theta: Tensor, psi: Tensor) -> Tensor:
        """D(G(z)), probabilities (batch,)."""
        return torch.sigmoid(self.judge(psi, self.generate(theta)))

    def value(self, theta: Tensor, psi: Tensor) -> Tensor:
        """V = E log D(x) + E log(1 - D(G(z))), a scalar (Goodfellow et al. 2014, equation 1)."""
        return self.on_real(psi).log().mean() + (1 - self.on_fake(theta, psi)).log().mean()


def make_setting(seed: int, count: int = 16) -> Setting:
    """The setting with `count` real and generated samples in three dimensions."""
    random = torch.Generator().manual_seed(seed)
    players = Player(2, 3, random), Player(3, 1, random)
    real, latent = (torch.randn(count, n, generator=random, dtype=torch.float64) for n in (3, 2))
    real = real + 1
    game = Game(*players, lambda generator, batch: generator(batch.latent), _generator_loss, _discriminator_loss)
    u, w = (torch.randn(sum(game.sizes), generator=random, dtype=torch.float64) for _ in range(2))
    return Setting(game, Batch(real, latent), (u / u.norm(), w / w.norm()))


def _generator_loss(discriminator: Function, fake: Tensor, batch: Batch) -> Outcome:
    return Outcome(minimax(discriminator(batch.real), discriminator(fake)).generator, {})


def _discriminator_loss(discriminator: Function, fake: Tensor, batch: Batch) -> Outcome:
    return Outcome(minimax(discriminator(batch.real), discriminator(fake)).discriminator, {})


# --- oracles and measures ----------------------------------------------------------------------------------


class Figures(NamedTuple):
    """What a check measured. None: there is nothing to measure."""

    article: float | None
    """Error of the article's statement, against automatic differentiation."""
    article_differences: float | None
    """The same against finite differences."""
    right: float | None
    """Error of the right statement, against automatic differentiation."""
    right_differences: float | None
    """The same against finite differences."""
    note: str = ""
    """What else was measured."""
    claims: bool = True
    """Whether all else that the right statement claims holds."""


def against_oracles(
    article: Tensor, right: Tensor, function: Function, point: Tensor, note: str = "", claims: bool = True
) -> Figures:
    """Relative errors of two stated gradients of a scalar `function` at `point`."""
    exact, numeric = torch.func.grad(function)(point), numeric_derivative(function, point)
    errors = (relative_error(stated, oracle) for stated in (article, right) for oracle in (exact, numeric))
    return Figures(*errors, note=note, claims=claims)


def numeric_derivative(function: Function, point: Tensor, step: float = 1e-5) -> Tensor:
    """Central differences of `function` in each coordinate of `point` (n,): (*value, n), off by O(step²)."""
    steps = step * torch.eye(len(point), dtype=point.dtype)
    return torch.stack([(function(point + e) - function(point - e)) / (2 * step) for e in steps], -1)


def relative_error(found: Tensor, expected: Tensor) -> float:
    """||found - expected|| / ||expected||, or ||found|| where the expected is exactly zero."""
    size = float(expected.norm())
    return float((found - expected).norm()) / (size or 1.0)


def cosine(one: Tensor, other: Tensor) -> float:
    """Of the angle between two vectors (n,)."""
    return float(one @ other / (one.norm() * other.norm()))
