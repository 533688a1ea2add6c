"""Updates: an order of play over any two torch.optim optimisers; `step(batch)` moves both players once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
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
    """Both players' optimisers, the order in which they move, and the tensors that the method itself remembers."""

    def __init__(self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer) -> None:
        """Raises InputError unless each optimiser holds its own player's parameters and every one that it moves."""
        check_optimizer(generator_optimizer, game.generator, "generator")
        check_optimizer(discriminator_optimizer, game.discriminator, "discriminator")
        self.game = game
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.extra: dict[str, Tensor] = {}
        """What the method remembers between steps, by name; replaced, never changed in place."""

    @abstractmethod
    def step(self, batch: Batch) -> Step:
        """Move both players on this batch."""

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of everything that `extra` may hold, by name."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """The state of both optimisers, and `extra`: all that a resumed training needs besides the players."""
        return {
            "generator": self.generator_optimizer.state_dict(),
            "discriminator": self.discriminator_optimizer.state_dict(),
            "extra": dict(self.extra),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave. Raises InputError for extra tensors that this update or game has not."""
        shapes = self.extra_shapes()
        for name, tensor in state["extra"].items():
            if shapes.get(name) != tensor.shape:
                raise InputError(
                    f"{type(self).__name__} has no extra state '{name}' of shape {tuple(tensor.shape)}: "
                    f"give the state of the same update and game ({shapes})"
                )
        self.generator_optimizer.load_state_dict(state["generator"])
        self.discriminator_optimizer.load_state_dict(state["discriminator"])
        device = self.game.point().device
        self.extra = {name: tensor.to(device, copy=True) for name, tensor in state["extra"].items()}


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
        generator, discriminator = gradients(self.game, batch)
        descend_both(self, generator.tensors, discriminator.tensors)
        return summary(generator, discriminator)


def gradients(game: Game, batch: Batch) -> tuple[Gradient, Gradient]:
    """(generator's, discriminator's) gradient at the same point, from the live players; the field in two halves."""
    fake = game.generate(batch)
    discriminator = game.discriminator_gradient(batch, fake)
    return game.generator_gradient(batch, fake), discriminator


def descend_both(update: Update, theta: Sequence[Tensor], psi: Sequence[Tensor]) -> None:
    """One step of each of the update's optimisers, along tensors shaped like the players' parameters."""
    _descend(update.discriminator_optimizer, update.game.discriminator, psi)
    _descend(update.generator_optimizer, update.game.generator, theta)


def descend(optimizer: Optimizer, player: nn.Module, gradient: Gradient) -> None:
    """One optimiser step along a player's gradient."""
    _descend(optimizer, player, gradient.tensors)


def _descend(optimizer: Optimizer, player: nn.Module, tensors: Sequence[Tensor]) -> None:
    for parameter, tensor in zip(trainable(player).values(), tensors, strict=True):
        parameter.grad = _laid_out_like(parameter, tensor)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _laid_out_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor with the parameter's strides: fused optimisers read both as plain memory, whatever these are."""
    return tensor if tensor.stride() == parameter.stride() else torch.empty_like(parameter).copy_(tensor)


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
