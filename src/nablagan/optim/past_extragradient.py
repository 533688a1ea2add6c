"""Past extragradient: look ahead along the last step instead of a new gradient."""

import torch

from nablagan.optim.moving import descend_along, flat
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch


class PastExtragradient(Update):
    """w+ = w - lr v(w + (w - w_before)): extragradient with the last step as the look-ahead (Popov 1980).

    Over any optimiser (Adam: past ExtraAdam, moments taken in once a step). Costs one gradient a step. On linear fields
    its points are those of Optimistic; bilinear games converge for u = lr c < 1/sqrt(3), best at u = 1/2.
    Helps as Extragradient does at the price of plain play; hurts when steps are large or noisy, as the last step then
    says little about the next. Losses and gradients are reported at the point looked ahead to.

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> update = PastExtragradient(game, *sgd)
    >>> measures = [update.step(toys.EMPTY).measures for _ in range(2)]
    >>> game.point()
    tensor([-0.5000,  1.5000])
    """

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """The last step (n,)."""
        return {"last": (sum(self.game.sizes),)}

    def step(self, batch: Batch) -> Step:
        start = self.game.point()
        self.game.move_to(start + self.extra.get("last", torch.zeros_like(start)))
        ahead = gradients(self.game, batch)
        self.game.move_to(start)
        descend_along(self, flat(*ahead))
        self.extra = {"last": self.game.point() - start}
        return summary(*ahead)
