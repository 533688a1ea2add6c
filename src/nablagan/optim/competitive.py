"""Competitive gradient descent: each player's best answer to the other's answer, in the bilinear approximation."""

from collections.abc import Callable

from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game, Jacobian
from nablagan.optim.along import Along, Direction
from nablagan.optim.coupling import coupled
from nablagan.optim.moving import rates_of
from nablagan.optim.solving import least_squares
from nablagan.types import Batch


def competitive(rates: Callable[[Game], Tensor], tolerance: float = 1e-6, iterations: int = 20) -> Direction:
    """(I + C P)^-1 v, so that w - P d is the Nash equilibrium of the local bilinear game (Schäfer & Anandkumar 2019).

    C is J without its diagonal blocks, P the diagonal of `rates` (n,). For L_D = -L_G and one rate h it is their
    (I + h^2 D_xy D_yx)^-1 (grad_x f + h D_xy grad_y f) and its twin, solved for both players at once; losses that do
    not sum to zero are allowed. Costs one evaluation of the field, four products, and four an iteration of
    `least_squares`, whose relative tolerance and number of iterations are given.

    >>> import torch
    >>> from nablagan.tasks import toys
    >>> competitive(lambda game: torch.ones_like(game.point()))(toys.quadratic(a=0.0, b=0.0, c=1.0), toys.EMPTY)
    tensor([1., 0.], dtype=torch.float64)
    """

    def direction(game: Game, batch: Batch) -> Tensor:
        jacobian = game.jacobian(batch)
        field, root = jacobian.field, rates(game).sqrt()
        step = competitive_step(jacobian, field, root, tolerance, iterations)
        return field - coupled(jacobian, root * step)  # step / root, and finite where a rate is 0

    return direction


def competitive_step(jacobian: Jacobian, field: Tensor, root: Tensor, tolerance: float, iterations: int) -> Tensor:
    """(I + R C R)^-1 R v (n,), R the diagonal of `root`, the roots of the step sizes; the step is -R times it."""
    transposed = jacobian.T
    return least_squares(
        lambda u: u + root * coupled(jacobian, root * u),
        lambda u: u + root * coupled(transposed, root * u),
        root * field,
        tolerance,
        iterations,
    )


class CompetitiveGradientDescent(Along):
    """Along `competitive` with the optimisers' learning rates as step sizes: with SGD exactly the published method.

    Costs about 12 gradients a step and 10 an iteration of conjugate gradients. Helps where the players' coupling is
    strong: bilinear games converge at 1/sqrt(1 + u^2) for every learning rate, as the proximal point does. Hurts by its
    price, and by noise: C and v come from the same batch. With Adam the step is no equilibrium: see
    AdaptiveCompetitiveGradientDescent.
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

        direction = competitive(rates, tolerance, iterations)
        super().__init__(game, generator_optimizer, discriminator_optimizer, direction)
