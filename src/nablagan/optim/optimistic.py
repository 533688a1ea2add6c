"""Optimistic play: twice this step minus the last one."""

from nablagan.optim.moving import descend_along, flat
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch


class Optimistic(Update):
    """w + 2 d_t - d_(t-1), where d_t is the step that the optimisers make (Daskalakis et al. 2018).

    SGD gives OGDA, w - 2 lr v_t + lr v_(t-1); Adam gives OAdam. The first step is the optimisers' own. Costs one
    gradient a step and a copy of the last step.
    Helps where play rotates: bilinear games converge for u = lr c < 1/sqrt(3), best at u = 1/2 with 1/sqrt(2) a step.
    Hurts with noisy gradients, of which it doubles the newest; needs a smaller learning rate than Extragradient.

    >>> import torch
    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> update = Optimistic(game, *sgd)
    >>> measures = [update.step(toys.EMPTY).measures for _ in range(2)]
    >>> game.point()
    tensor([-0.5000,  1.5000])
    """

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """The optimisers' last step (n,)."""
        return {"last": (sum(self.game.sizes),)}

    def step(self, batch: Batch) -> Step:
        start = self.game.point()
        here = gradients(self.game, batch)
        descend_along(self, flat(*here))
        move = self.game.point() - start  # a new tensor: kept by reference, gradients would overwrite it
        self.game.move_to(start + 2 * move - self.extra.get("last", move))
        self.extra = {"last": move}
        return summary(*here)
