"""Least action: a player corrects for the force that the other one's last move exerts on it."""

import torch
from torch.optim import Optimizer

from nablagan.game import Game
from nablagan.optim.coupling import coupled
from nablagan.optim.moving import descend_along, flat
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch


class Lead(Update):
    """w+ = w - lr (v + coupling C (w - w_before)) + momentum (w - w_before), LEAD (Askari Hemmat et al. 2023).

    C is J without its diagonal blocks; the paper's alpha is lr times `coupling`. Over any optimiser, which takes the
    bracket for the gradient. Costs one gradient and two products a step, about six gradients.
    Helps where play rotates; with momentum 0 and coupling 1 it is Optimistic on bilinear games. Hurts when the last
    move says little about the next one (noise, large steps).

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> update = Lead(game, *sgd)
    >>> measures = [update.step(toys.EMPTY).measures for _ in range(2)]
    >>> game.point()
    tensor([-0.5000,  1.5000])
    """

    def __init__(
        self,
        game: Game,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        momentum: float = 0.0,
        coupling: float = 1.0,
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        self.momentum, self.coupling = momentum, coupling

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """The last step (n,)."""
        return {"last": (sum(self.game.sizes),)}

    def step(self, batch: Batch) -> Step:
        start = self.game.point()
        last = self.extra.get("last", torch.zeros_like(start))
        force = coupled(self.game.jacobian(batch), last)
        here = gradients(self.game, batch)
        descend_along(self, flat(*here) + self.coupling * force)
        self.game.move_to(self.game.point() + self.momentum * last)
        self.extra = {"last": self.game.point() - start}
        return summary(*here)
