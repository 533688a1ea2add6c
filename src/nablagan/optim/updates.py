"""Updates: an order of play over any two torch.optim optimisers; `step(batch)` moves both players once."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nablagan.game import Game, Gradient
from nablagan.pure import trainable
from nablagan.types import Batch, InputError


class Step(NamedTuple):
    """What one update saw: losses and measures before it, gradient norms; scalars on the players' device."""

    measures: dict[str, Tensor]


class Update(ABC):
    """Both players' optimisers and the order in which they move."""

    def __init__(self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer) -> None:
        """Raises InputError unless each optimiser holds its own player's parameters and every one that it moves."""
        check_optimizer(generator_optimizer, game.generator, "generator")
        check_optimizer(discriminator_optimizer, game.discriminator, "discriminator")
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
    """The discriminator moves first, the generator answers it at its new place (Goodfellow et al. 2014, algorithm 1).

    Two gradients a step; the generator runs forward once. On bilinear games it cycles where Simultaneous diverges; with
    gradient penalties it converges locally (Mescheder et al. 2018).

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> measures = Alternating(game, *sgd).step(toys.EMPTY).measures
    >>> game.point()
    tensor([0.2500, 1.5000])
    """

    # Unlike R3GAN's training loop: the generator answers on the batch that the discriminator saw, so that a step is a
    # function of one batch and generates once; R3GAN draws fresh latents and real images for each player.

    def step(self, batch: Batch) -> Step:
        fake = self.game.generate(batch)
        discriminator = self.game.discriminator_gradient(batch, fake)
        descend(self.discriminator_optimizer, self.game.discriminator, discriminator)
        generator = self.game.generator_gradient(batch, fake)
        descend(self.generator_optimizer, self.game.generator, generator)
        return summary(generator, discriminator)


class Simultaneous(Update):
    """Both players move along their gradients at the same point: w - lr v(w). Diverges on bilinear games.

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> measures = Simultaneous(game, *sgd).step(toys.EMPTY).measures
    >>> game.point()
    tensor([0.5000, 1.5000])
    """

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


def check_optimizer(optimizer: Optimizer, player: nn.Module, name: str) -> None:
    """Raise InputError unless the optimiser holds the player's parameters only, and all that require a gradient."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not held <= {id(p) for p in player.parameters()}:
        raise InputError(f"the {name}'s optimiser holds parameters that are not the {name}'s: check the order")
    missing = [key for key, p in trainable(player).items() if id(p) not in held]
    if missing:
        raise InputError(
            f"the {name}'s optimiser lacks {', '.join(missing[:3])} ({len(missing)} parameters): "
            f"give it {name}.parameters(), or freeze them with requires_grad=False"
        )


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
