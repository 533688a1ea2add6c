"""A game's twin in float64, a little beside its point, that can be moved and evaluated again and again."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.checking.double import batch_in_double, in_double, players_in_double
from nablagan.game import Game, Objective
from nablagan.penalties.deferred import at_once
from nablagan.penalties.holding import given, keeping
from nablagan.pure import seeded_draws, trainable
from nablagan.refusals import explained
from nablagan.types import Batch, InputError

PLAYERS = ("generator", "discriminator")
PENALTY = "penalty_"
BESIDE = 0.05
"""How far the twin stands from the players, relative to each parameter: nothing is exactly zero or at a kink there."""

SMALLEST = 0.01
"""The size of a parameter that is zero."""

Tensors = tuple[Tensor, ...]


class Value(NamedTuple):
    """What differences are taken of."""

    mean: Tensor
    """Scalar, with its graph."""
    size: float
    """The mean of absolute values, which rounding errors are relative to."""
    player: str
    """Whose objective it is part of."""


class Twin:
    """The losses by name (`generator_loss`, `discriminator_loss`, `penalty_NAME`) and their gradients at one point.

    Raises InputError for players that cannot be copied, or not be computed in float64.
    """

    def __init__(self, game: Game, batch: Batch, rows: int) -> None:
        self.rows, self.batch = rows, batch_in_double(batch, rows)
        players = players_in_double(game.players)
        generator, discriminator = players
        self.game = Game(generator, discriminator, game.play, game.generator_loss, game.discriminator_loss)
        self._buffers = [
            (m, n, b.clone()) for p in players for m in p.modules() for n, b in m.named_buffers(recurse=False)
        ]
        self._generator = torch.Generator().manual_seed(0)
        self.parameters = {name: list(trainable(p).values()) for name, p in zip(PLAYERS, players, strict=True)}
        for name in PLAYERS:
            self._move(name, self.direction(name), BESIDE)
        self._kept: dict[str, list[Tensor]] = {}
        self.base = {}
        for name in PLAYERS:
            with self._scope(), keeping() as self._kept[name]:
                self.base |= self._values(name)

    @torch.no_grad()
    def direction(self, player: str) -> Tensors:
        """Random numbers for each parameter of a player, of its size."""
        parameters = self.parameters[player]
        drawn = [torch.randn(p.shape, generator=self._generator, dtype=p.dtype).to(p.device) for p in parameters]
        return tuple(d * (p.square().mean().sqrt() + SMALLEST) for d, p in zip(drawn, parameters, strict=True))

    def differences(self, player: str, direction: Tensors, step: float, objectives: set[str]) -> dict[str, float]:
        """(f(w + step u) - f(w - step u)) / 2 step of the values of these objectives, w one player's parameters."""
        parameters, sides = self.parameters[player], []
        with torch.no_grad():
            here = [parameter.clone() for parameter in parameters]
        for sign in (1, -1):
            self._move(player, direction, sign * step)
            sides.append({name: value for objective in sorted(objectives) for name, value in self._again(objective)})
            with torch.no_grad():
                for parameter, value in zip(parameters, here, strict=True):
                    parameter.copy_(value)
        return {name: (sides[0][name] - sides[1][name]) / (2 * step) for name in sides[0]}

    def gradient(self, loss: str, player: str) -> Tensors:
        """A loss's gradient in a player's parameters: the live one of an update for its own, else by reverse mode."""
        if loss == f"{player}_loss":
            with self._scope():
                ask = getattr(self.game, f"{player}_gradient")
                return ask(self.batch, self.game.generate(self.batch)).tensors
        value = self.base[loss].mean
        if not value.requires_grad:
            return tuple(torch.zeros_like(parameter) for parameter in self.parameters[player])
        with explained(*self.game.players):
            return torch.autograd.grad(value, self.parameters[player], retain_graph=True, materialize_grads=True)

    def _again(self, objective: str) -> list[tuple[str, float]]:
        with self._scope(), given(self._kept[objective]):
            return [(name, value.mean.item()) for name, value in self._values(objective).items()]

    def _values(self, objective: str) -> dict[str, Value]:
        state: Objective = getattr(self.game, f"{objective}_loss")
        outcome = state(self.game.discriminator, self.game.generate(self.batch), self.batch)
        found = {f"{objective}_loss": outcome.loss}
        found |= {name: value for name, value in outcome.measures.items() if name.startswith(PENALTY)}
        with torch.no_grad():
            sizes = {name: value.abs().mean().item() for name, value in found.items()}
        return {name: Value(value.mean(), sizes[name], objective) for name, value in found.items()}

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """Buffers as at the start, the same random draws, float64; errors say what cannot be computed in it."""
        for module, name, buffer in self._buffers:
            module._buffers[name] = buffer.clone()
        with ExitStack() as stack:
            stack.enter_context(seeded_draws(self.game.players, 0))
            stack.enter_context(in_double())
            stack.enter_context(at_once())
            stack.enter_context(torch.enable_grad())
            stack.enter_context(explained(*self.game.players))
            try:
                yield
            except RuntimeError as error:
                if "dtype" not in str(error) and "Double" not in str(error):
                    raise
                reason = str(error).splitlines()[0]
                raise InputError(f"the players cannot be computed in float64 to check them: {reason}") from error

    @torch.no_grad()
    def _move(self, player: str, direction: Tensors, step: float) -> None:
        for parameter, along in zip(self.parameters[player], direction, strict=True):
            parameter.add_(along, alpha=step)


def directional(gradient: Tensors, direction: Tensors) -> float:
    """Their inner product."""
    return math.fsum((g * d).sum().item() for g, d in zip(gradient, direction, strict=True))
