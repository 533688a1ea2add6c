"""Symplectic gradient adjustment: only the rotating part of the Jacobian corrects the field."""

import torch
from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game
from nablagan.optim.along import Along, Direction
from nablagan.types import Batch

ALIGNMENT = 0.1
"""Added before the sign is taken: near a zero of v, where nothing tells, the adjustment is as given."""


def symplectic_adjustment(weight: float) -> Direction:
    """v + s weight A^T v, A = (J - J^T)/2, s = sign(<v, J^T v> <A^T v, J^T v> / n + 0.1) (Balduzzi et al. 2018).

    J^T v is the gradient of |v|^2 / 2: s makes the adjustment attract to stable zeros of v and repel from unstable
    ones. Costs one evaluation of the field, one product and one transposed product.

    >>> from nablagan.tasks import toys
    >>> symplectic_adjustment(0.5)(toys.quadratic(a=0.0, b=0.0, c=2.0), toys.EMPTY)
    tensor([4., 0.], dtype=torch.float64)
    """

    def direction(game: Game, batch: Batch) -> Tensor:
        jacobian = game.jacobian(batch)
        field = jacobian.field
        norm_gradient = jacobian.T @ field
        adjustment = 0.5 * (norm_gradient - jacobian @ field)
        alignment = torch.dot(field, norm_gradient) * torch.dot(adjustment, norm_gradient) / len(field)
        return field + weight * torch.sign(alignment + ALIGNMENT) * adjustment

    return direction


class SymplecticAdjustment(Along):
    """Along `symplectic_adjustment(weight)`.

    Costs about seven gradients a step. Helps where play rotates; on bilinear games it is Consensus.
    Unlike Consensus it leaves games without rotation (J symmetric) alone. Hurts by noise: A and v come from the same
    batch, and the sign may flip from step to step.
    """

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, weight: float = 1.0
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer, symplectic_adjustment(weight))
