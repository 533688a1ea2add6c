"""Adaptive competitive gradient descent: a step size for each parameter."""

import torch
from torch.optim import Optimizer

from nablagan.game import Game
from nablagan.optim.competitive import competitive_step
from nablagan.optim.moving import flat, learning_rates
from nablagan.optim.updates import Step, Update, gradients, summary
from nablagan.types import Batch


class AdaptiveCompetitiveGradientDescent(Update):
    """-(P^-1 + C)^-1 v, P = lr / (sqrt(v2) + eps), v2 a bias-corrected running mean of v^2 (Schäfer et al. 2020).

    C is J without its diagonal blocks. Of the optimisers only the learning rates are used: the step itself is the
    equilibrium of the local game, which no optimiser may rescale. Costs one gradient, two products, and four an
    iteration of `least_squares`, whose relative tolerance and number of iterations are given.
    Helps as CompetitiveGradientDescent does, without the choice of a learning rate for each layer. Hurts by its price.

    # Unlike the paper: both players' systems are solved at once, and from zero instead of the last solution.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=0.0, b=0.0, c=1.0)
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=1.0) for player in game.players]
    >>> measures = AdaptiveCompetitiveGradientDescent(game, *sgd).step(toys.EMPTY).measures
    >>> game.point()
    tensor([5.0000e-06, 1.0000e+00], dtype=torch.float64)
    """

    def __init__(
        self,
        game: Game,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        beta2: float = 0.99,
        eps: float = 1e-5,
        tolerance: float = 1e-6,
        iterations: int = 20,
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        self.beta2, self.eps, self.tolerance, self.iterations = beta2, eps, tolerance, iterations

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """The running mean of squares (n,) and the steps it has seen ()."""
        return {"squares": (sum(self.game.sizes),), "count": ()}

    def step(self, batch: Batch) -> Step:
        start = self.game.point()
        here = gradients(self.game, batch)
        field = flat(*here)
        count = int(self.extra.get("count", 0)) + 1
        squares = self.beta2 * self.extra.get("squares", torch.zeros_like(field)) + (1 - self.beta2) * field.square()
        rates = learning_rates(self.game, self.generator_optimizer, self.discriminator_optimizer)
        root = (rates / ((squares / (1 - self.beta2**count)).sqrt() + self.eps)).sqrt()
        move = root * competitive_step(self.game.jacobian(batch), field, root, self.tolerance, self.iterations)
        self.game.move_to(start - move)
        self.extra = {"squares": squares, "count": torch.tensor(count)}
        return summary(*here)
