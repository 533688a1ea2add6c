"""Runge-Kutta: the flow dw/dt = -v followed more closely than by single gradients."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game, Gradient
from nablagan.optim.moving import descend_along, flat, learning_rates
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch


class RungeKutta4(Update):
    """w - lr (k1 + 2 k2 + 2 k3 + k4)/6, k from v at points lr/2, lr/2 and lr ahead; ODE-GAN (Qin et al. 2020).

    `penalty` adds penalty * grad_psi |grad_theta L_G|^2 at the start point to the discriminator's direction (ODE-GAN:
    about 0.02). Stages look ahead by the optimisers' learning rates: with SGD it is the published method; other
    optimisers take the mean for a gradient. Costs four gradients a step, and one transposed product with a penalty.
    Helps where play rotates fast: |m|^2 = 1 - u^6/72 + u^8/576 on bilinear games, stable for u = lr c < 2 sqrt(2).
    Hurts by its price where the flow itself is slow: it follows the flow, and pure rotation stays almost that.

    # Unlike the paper: all stages see the same batch.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=0.0, b=0.0, c=1.0)
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=2.0) for player in game.players]
    >>> measures = RungeKutta4(game, *sgd).step(toys.EMPTY).measures
    >>> game.point()
    tensor([-1.0000,  0.3333], dtype=torch.float64)
    """

    AHEAD: ClassVar[tuple[float, ...]] = (0.5, 0.5, 1.0)
    """How far along its slope each next stage looks, in learning rates."""
    WEIGHTS: ClassVar[tuple[float, ...]] = (1 / 6, 1 / 3, 1 / 3, 1 / 6)

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, penalty: float = 0.0
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        self.penalty = penalty

    def step(self, batch: Batch) -> Step:
        start = self.game.point()
        rates = learning_rates(self.game, self.generator_optimizer, self.discriminator_optimizer)
        here = gradients(self.game, batch)
        slope = flat(*here)
        total = self.WEIGHTS[0] * slope + self._penalty_gradient(batch, here)
        for ahead, weight in zip(self.AHEAD, self.WEIGHTS[1:], strict=True):
            self.game.move_to(start - ahead * rates * slope)
            slope = flat(*gradients(self.game, batch))
            total = total + weight * slope
        self.game.move_to(start)
        descend_along(self, total)
        return summary(*here)

    def _penalty_gradient(self, batch: Batch, here: tuple[Gradient, Gradient]) -> Tensor | float:
        """(0, penalty * grad_psi |grad_theta L_G|^2), (n,); 0 without a penalty."""
        if self.penalty == 0:
            return 0.0
        theta, psi = flat(*here).split(self.game.sizes)
        slope = self.game.jacobian(batch).T @ torch.cat([theta, torch.zeros_like(psi)])
        return torch.cat([torch.zeros_like(theta), 2 * self.penalty * slope.split(self.game.sizes)[1]])


class RungeKutta2(RungeKutta4):
    """Heun's method: w - lr (k1 + k2)/2, k2 from v at lr k1 ahead; two gradients a step (Qin et al. 2020).

    Helps as RungeKutta4 does, at half its price, where there is damping. Hurts on bilinear games: |m|^2 = 1 + u^4/4
    diverges, slower than Simultaneous.
    """

    AHEAD: ClassVar[tuple[float, ...]] = (1.0,)
    WEIGHTS: ClassVar[tuple[float, ...]] = (0.5, 0.5)
