"""Negative momentum: a part of the last step is taken back."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nablagan.game import Game, Gradient
from nablagan.optim.moving import position, shift
from nablagan.optim.updates import Step, Update, descend, gradients, summary
from nablagan.types import Batch


class NegativeMomentum(Update):
    """w+ = w + d + momentum (w - w_before), d the optimisers' step, players in turn (Gidel et al. 2019).

    The order is Alternating's. torch.optim.SGD refuses a negative momentum; here it acts on the last whole step, over
    any optimiser. Costs what Alternating does, one gradient of each player, and a copy of the step.
    Helps where alternating play cycles: bilinear games converge (.9773056 a step at u = lr c = .39, momentum -1/2).
    Hurts where play is attracted anyway: it slows every step down by 1 / (1 - momentum).

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> update = NegativeMomentum(game, *sgd)
    >>> measures = [update.step(toys.EMPTY).measures for _ in range(2)]
    >>> game.point()
    tensor([-0.0625,  1.3750])
    """

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, momentum: float = -0.5
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        self.momentum = momentum

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """The last step (n,)."""
        return {"last": (sum(self.game.sizes),)}

    def step(self, batch: Batch) -> Step:
        theta, psi = self._last()
        fake = self.game.generate(batch)
        discriminator = self.game.discriminator_gradient(batch, fake)
        psi = self._push(self.discriminator_optimizer, self.game.discriminator, discriminator, psi)
        generator = self.game.generator_gradient(batch, fake)
        theta = self._push(self.generator_optimizer, self.game.generator, generator, theta)
        self.extra = {"last": torch.cat([theta, psi])}
        return summary(generator, discriminator)

    def _last(self) -> tuple[Tensor, ...]:
        point = self.game.point()
        return self.extra.get("last", torch.zeros_like(point)).split(self.game.sizes)

    def _push(self, optimizer: Optimizer, player: nn.Module, gradient: Gradient, last: Tensor) -> Tensor:
        """Move one player; returns its whole step."""
        before = position(player)
        descend(optimizer, player, gradient)
        shift(player, self.momentum * last)
        return position(player) - before


class SimultaneousNegativeMomentum(NegativeMomentum):
    """NegativeMomentum with both players moving at the same point (Gidel et al. 2019).

    Costs one gradient of each player. Helps against attraction that overshoots; on bilinear games it diverges for every
    momentum (1.0118190 a step at u = .39, momentum -1/2), which is what the order of play is about.
    """

    def step(self, batch: Batch) -> Step:
        theta, psi = self._last()
        generator, discriminator = gradients(self.game, batch)
        psi = self._push(self.discriminator_optimizer, self.game.discriminator, discriminator, psi)
        theta = self._push(self.generator_optimizer, self.game.generator, generator, theta)
        self.extra = {"last": torch.cat([theta, psi])}
        return summary(generator, discriminator)
