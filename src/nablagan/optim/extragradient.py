"""Extragradient: each player answers where both are about to be."""

from nablagan.optim.moving import descend_along, flat
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch


class Extragradient(Update):
    """w - lr v(w - lr v(w)): look ahead by one step, then step from the start (Korpelevich 1976; Gidel et al. 2019).

    With Adam this is ExtraAdam: the moments take in the gradients of both half steps, so its clock runs at twice the
    steps. Costs two gradients a step, both on the same batch.
    Helps where play rotates: bilinear games converge for u = lr c < 1, at sqrt(1 - u^2 + u^4) a step. Hurts where
    Alternating already converges: the same progress for twice the price; large noise between batches may undo it.

    >>> import torch
    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> measures = Extragradient(game, *sgd).step(toys.EMPTY).measures
    >>> game.point()
    tensor([0.2500, 1.2500])
    """

    def step(self, batch: Batch) -> Step:
        start = self.game.point()
        here = gradients(self.game, batch)
        descend_along(self, flat(*here))
        there = gradients(self.game, batch)
        self.game.move_to(start)
        descend_along(self, flat(*there))
        return summary(*here)
