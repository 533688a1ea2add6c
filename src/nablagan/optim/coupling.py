"""The blocks of the game Jacobian by which one player's move changes the other's gradient."""

import torch
from torch import Tensor

from nablagan.game import Jacobian


def coupled(jacobian: Jacobian, vector: Tensor) -> Tensor:
    """C u for a flat u (n,): C is J without its diagonal blocks. For a transposed J it is C^T u. Costs two products.

    In a zero-sum game C^T = -C.

    >>> from nablagan.tasks import toys
    >>> coupled(toys.quadratic(a=3.0, b=2.0, c=1.0).jacobian(toys.EMPTY), torch.tensor([1.0, 0.0]).double())
    tensor([ 0., -1.], dtype=torch.float64)
    """
    theta, psi = vector.split(jacobian.game.sizes)
    by_theta = jacobian @ torch.cat([theta, torch.zeros_like(psi)])
    by_psi = jacobian @ torch.cat([torch.zeros_like(theta), psi])
    return torch.cat([by_psi[: len(theta)], by_theta[len(theta) :]])
