"""Updates: an order of play over any two torch.optim optimisers; `step(batch)` moves both players once."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nablagan.game import Game, Gradient, trainable
from nablagan.types import Batch


class Step(NamedTuple):
    """What one update saw: losses and measures before it, gradient norms; scalars on the players' device."""

    measures: dict[str, Tensor]


class Update(ABC):
    """Both players' optimisers and the order in which they move."""

    def __init__(self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer) -> None:
        self.game = game
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer

    @abstractmethod
    def step(self, batch: Batch) -> Step:
        """Move both players on this batch."""

    def state_dict(self) -> dict[str, Any]:
        """The state of both optimisers."""
        return {
            "generator": self.generator_optimizer.state_dict(),
            "discriminator": self.discriminator_optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.generator_optimizer.load_state_dict(state["generator"])
        self.discriminator_optimizer.load_state_dict(state["discriminator"])


class Alternating(Update):
    """The discriminator moves first, then the generator answers it at its new place, on the same batch.

    Two gradients a step; the generator runs forward once. On bilinear games it cycles where Simultaneous diverges; with
    gradient penalties it converges locally (Mescheder et al. 2018).
    """

    def step(self, batch: Batch) -> Step:
        fake = self.game.generate(batch)
        discriminator = self.game.discriminator_gradient(batch, fake)
        descend(self.discriminator_optimizer, self.game.discriminator, discriminator)
        generator = self.game.generator_gradient(batch, fake)
        descend(self.generator_optimizer, self.game.generator, generator)
        return summary(generator, discriminator)


class Simultaneous(Update):
    """Both players move along their gradients at the same point: w - lr v(w). Diverges on bilinear games."""

    def step(self, batch: Batch) -> Step:
        fake = self.game.generate(batch)
        discriminator = self.game.discriminator_gradient(batch, fake)
        generator = self.game.generator_gradient(batch, fake)
        descend(self.discriminator_optimizer, self.game.discriminator, discriminator)
        descend(self.generator_optimizer, self.game.generator, generator)
        return summary(generator, discriminator)


def descend(optimizer: Optimizer, player: nn.Module, gradient: Gradient) -> None:
    """One optimiser step along a player's gradient."""
    for parameter, tensor in zip(trainable(player).values(), gradient.tensors, strict=True):
        parameter.grad = tensor
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def summary(generator: Gradient, discriminator: Gradient) -> Step:
    """Losses, measures and gradient norms of both players, by their names in events.jsonl."""
    return Step(
        {
            "generator_loss": generator.loss,
            "discriminator_loss": discriminator.loss,
            **generator.measures,
            **discriminator.measures,
            "generator_gradient_norm": norm(generator.tensors),
            "discriminator_gradient_norm": norm(discriminator.tensors),
        }
    )


def norm(tensors: tuple[Tensor, ...]) -> Tensor:
    """The Euclidean norm of all entries together; not finite if any entry is not."""
    return torch.stack(torch._foreach_norm(tensors)).norm()  # pyright: ignore[reportPrivateImportUsage]
