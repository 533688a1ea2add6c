"""Consensus optimisation: the field, and the way down its norm."""

from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game
from nablagan.optim.along import Along, Direction
from nablagan.types import Batch


def consensus(weight: float) -> Direction:
    """v + weight J^T v: adds the gradient of |v|^2 / 2 to the field (Mescheder et al. 2017, "The Numerics of GANs").

    Costs one evaluation of the field and one transposed product.

    >>> from nablagan.tasks import toys
    >>> consensus(0.5)(toys.quadratic(a=0.0, b=0.0, c=2.0), toys.EMPTY)
    tensor([4., 0.], dtype=torch.float64)
    """

    def direction(game: Game, batch: Batch) -> Tensor:
        jacobian = game.jacobian(batch)
        field = jacobian.field
        return field + weight * (jacobian.T @ field)

    return direction


class Consensus(Along):
    """Along `consensus(weight)`: on normal J an eigenvalue z becomes z + weight |z|^2.

    Costs about five gradients a step. Helps where play rotates. Hurts in that every zero of v attracts once the weight
    is large, saddles and maxima of the losses too; on one batch it also lowers the noise of v (weight 1/2 tr Cov v),
    which is not what was asked for.
    """

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, weight: float = 0.1
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer, consensus(weight))
