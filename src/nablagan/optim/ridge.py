"""Follow the ridge: the discriminator keeps to its best answer while the generator moves."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game, Jacobian
from nablagan.optim.along import Along, Direction
from nablagan.optim.moving import rates_of
from nablagan.optim.solving import least_squares
from nablagan.types import Batch


def ridge(rates: Callable[[Game], Tensor], tolerance: float = 1e-6, iterations: int = 20) -> Direction:
    """(v_theta, v_psi - H^-1 B P_theta v_theta / P_psi): v and the move along the ridge (Wang et al. 2020).

    H = dv_psi/dpsi, B = dv_psi/dtheta, P the diagonal of `rates` (n,), not 0. Costs one evaluation of the field, two
    products, and two an iteration of `least_squares`, whose relative tolerance and number of iterations are given;
    where H is singular the least-squares solution stands for H^-1.

    >>> from nablagan.tasks import toys
    >>> ridge(lambda game: torch.ones_like(game.point()))(toys.quadratic(a=3.0, b=2.0, c=1.0), toys.EMPTY)
    tensor([4., 3.], dtype=torch.float64)
    """

    def direction(game: Game, batch: Batch) -> Tensor:
        jacobian = game.jacobian(batch)
        theta, psi = jacobian.field.split(game.sizes)
        theta_rates, psi_rates = rates(game).split(game.sizes)
        moved = _by_discriminator(jacobian, torch.cat([theta_rates * theta, torch.zeros_like(psi)]))

        def curvature(u: Tensor) -> Tensor:  # symmetric: H is its own transpose
            return _by_discriminator(jacobian, torch.cat([torch.zeros_like(theta), u]))

        answer = least_squares(curvature, curvature, moved, tolerance, iterations)
        return torch.cat([theta, psi - answer / psi_rates])

    return direction


def _by_discriminator(jacobian: Jacobian, vector: Tensor) -> Tensor:
    """The discriminator's part of J u."""
    return (jacobian @ vector).split(jacobian.game.sizes)[1]


class FollowTheRidge(Along):
    """Along `ridge` with the optimisers' learning rates: with SGD exactly the published method.

    Costs about 7 gradients a step and 5 an iteration of conjugate gradients. Helps when what is sought is a local
    minimax point: it converges to those and to nothing else, rotation or not. Hurts where the discriminator's loss is
    nearly flat, as trained networks' losses are: H^-1 then says anything. Experimental on networks.
    """

    def __init__(
        self,
        game: Game,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        tolerance: float = 1e-6,
        iterations: int = 20,
    ) -> None:
        rates = rates_of(generator_optimizer, discriminator_optimizer)

        super().__init__(game, generator_optimizer, discriminator_optimizer, ridge(rates, tolerance, iterations))
