"""Directions, functions (game, batch) -> (n,), and the update whose optimisers step along one."""

from collections.abc import Callable

from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game
from nablagan.optim.moving import descend_along
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch

Direction = Callable[[Game, Batch], Tensor]
"""(game, batch) -> what takes the gradient's place, a flat vector (n,); pure: it moves nothing."""


class Along(Update):
    """Both optimisers step at the same point along `direction` instead of the field: w - lr direction(w) with SGD.

    Costs what the direction does, and one gradient from the live players for the measures, for running statistics and
    power iterations. An optimiser that rescales (Adam) rescales the whole direction.

    >>> import torch
    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> measures = Along(game, *sgd, direction=lambda game, batch: game.point()).step(toys.EMPTY).measures
    >>> game.point()
    tensor([0.5000, 0.5000])
    """

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, direction: Direction
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        self.direction = direction

    def step(self, batch: Batch) -> Step:
        direction = self.direction(self.game, batch)
        here = gradients(self.game, batch)
        descend_along(self, direction)
        return summary(*here)
