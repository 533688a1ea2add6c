"""Players and games as flat vectors, for updates that move them beside an optimiser's own step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nablagan.game import Game, Gradient
from nablagan.optim.updates import Update, descend_both
from nablagan.pure import trainable


@torch.no_grad()
def position(player: nn.Module) -> Tensor:
    """A copy of the player's trainable parameters as one flat vector (k,)."""
    return torch.cat([p.flatten() for p in trainable(player).values()])


@torch.no_grad()
def shift(player: nn.Module, vector: Tensor) -> None:
    """Add a flat vector (k,) to the player's trainable parameters; the other player's graphs stay usable."""
    parameters = list(trainable(player).values())
    for parameter, part in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
        parameter.add_(part.view_as(parameter))


def flat(generator: Gradient, discriminator: Gradient) -> Tensor:
    """Both gradients as one flat vector (n,): the field, from the live players."""
    return torch.cat([t.flatten() for gradient in (generator, discriminator) for t in gradient.tensors])


def descend_along(update: Update, vector: Tensor) -> None:
    """One step of both of the update's optimisers along a flat vector (n,)."""
    theta, psi = (list(trainable(player).values()) for player in update.game.players)
    parameters = [*theta, *psi]
    parts = vector.split([p.numel() for p in parameters])
    tensors = [part.view_as(p) for part, p in zip(parts, parameters, strict=True)]
    descend_both(update, tensors[: len(theta)], tensors[len(theta) :])


def learning_rates(game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer) -> Tensor:
    """The learning rate of each parameter now, (n,), from the optimisers' groups."""
    rates = []
    for player, optimizer in zip(game.players, (generator_optimizer, discriminator_optimizer), strict=True):
        found = {id(p): float(group["lr"]) for group in optimizer.param_groups for p in group["params"]}
        rates += [torch.full_like(p, found[id(p)], requires_grad=False).flatten() for p in trainable(player).values()]
    return torch.cat(rates)


def rates_of(generator_optimizer: Optimizer, discriminator_optimizer: Optimizer) -> Callable[[Game], Tensor]:
    """`learning_rates` of these optimisers as a function of the game."""
    return lambda game: learning_rates(game, generator_optimizer, discriminator_optimizer)
