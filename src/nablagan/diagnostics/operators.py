"""The game Jacobian as an operator on numpy vectors, for the solvers of scipy.sparse.linalg."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from nablagan.diagnostics.evaluating import embedded
from nablagan.game import Jacobian
from nablagan.types import InputError

Product = Callable[[Tensor], Tensor]
"""u (n,) -> A u (n,)."""


class Operator(LinearOperator):
    """A real (n, n) operator in float64 for a game in float64, in float32 otherwise; counts its products.

    Raises InputError where a product is not finite.
    """

    def __init__(self, point: Tensor, times: Product, times_transposed: Product) -> None:
        """`times` and `times_transposed` take and give vectors like `point`."""
        self.precision = np.dtype(np.float64 if point.dtype == torch.float64 else np.float32)
        super().__init__(self.precision, (len(point), len(point)))
        self.point, self.times, self.times_transposed = point, times, times_transposed
        self.products = 0

    def _matvec(self, x: NDArray) -> NDArray:
        return self._apply(self.times, x)

    def _rmatvec(self, x: NDArray) -> NDArray:
        return self._apply(self.times_transposed, x)

    def _apply(self, product: Product, vector: NDArray) -> NDArray:
        self.products += 1
        given = torch.from_numpy(np.array(vector.ravel(), self.precision))
        found = product(given.to(self.point.device, self.point.dtype))
        if not found.isfinite().all():
            raise InputError("a product of the Jacobian is not finite at this point: look for NaN in players and batch")
        return found.cpu().to(given.dtype).numpy()


def linear_operator(jacobian: Jacobian) -> Operator:
    """J for scipy.sparse.linalg: `matvec` is J u, `rmatvec` J^T u.

    >>> from nablagan.tasks import toys
    >>> linear_operator(toys.quadratic(a=3.0, b=2.0, c=1.0).jacobian(toys.EMPTY)) @ [1.0, 0.0]
    array([ 3., -1.])
    """
    return Operator(jacobian.point, jacobian.__matmul__, jacobian.T.__matmul__)


def step_operator(jacobian: Jacobian, rates: Tensor | float) -> Operator:
    """I - P J for scipy.sparse.linalg, P the diagonal of `rates`, a number or (n,).

    Raises InputError for rates of another shape.

    >>> from nablagan.tasks import toys
    >>> step_operator(toys.quadratic(a=3.0, b=2.0, c=1.0).jacobian(toys.EMPTY), 0.1) @ [1.0, 0.0]
    array([0.7, 0.1])
    """
    transposed, diagonal = jacobian.T, _diagonal(jacobian, rates)
    return Operator(jacobian.point, lambda u: u - diagonal * (jacobian @ u), lambda u: u - transposed @ (diagonal * u))


def alternating_operator(jacobian: Jacobian, rates: Tensor | float) -> Operator:
    """(I - P_G J)(I - P_D J) for scipy.sparse.linalg: a step in which the discriminator moves first.

    u' = u - P_D J u, then u' - P_G J u', as `optim.Alternating` plays; P_G and P_D are the diagonal of `rates`, a
    number or (n,), with the other player's part set to zero. Two products a product. Raises InputError for rates of
    another shape.

    >>> from nablagan.tasks import toys
    >>> alternating_operator(toys.quadratic(a=3.0, b=2.0, c=1.0).jacobian(toys.EMPTY), 0.1) @ [1.0, 0.0]
    array([0.69, 0.1 ])
    """
    transposed, both = jacobian.T, _diagonal(jacobian, rates).expand(len(jacobian.point))
    theta, psi = (embedded(jacobian.game, both, player) for player in (0, 1))

    def times(vector: Tensor) -> Tensor:
        for diagonal in (psi, theta):
            vector = vector - diagonal * (jacobian @ vector)
        return vector

    def times_transposed(vector: Tensor) -> Tensor:
        for diagonal in (theta, psi):
            vector = vector - transposed @ (diagonal * vector)
        return vector

    return Operator(jacobian.point, times, times_transposed)


def displacement(step: Operator) -> Operator:
    """I - M of a step's operator M: what the step takes away. Where it does nothing, 0, which solvers pass over."""
    return Operator(step.point, lambda u: u - step.times(u), lambda u: u - step.times_transposed(u))


def _diagonal(jacobian: Jacobian, rates: Tensor | float) -> Tensor:
    """() or (n,). Raises InputError for another shape."""
    point = jacobian.point
    diagonal = torch.as_tensor(rates, dtype=point.dtype, device=point.device)
    if diagonal.shape not in ((), point.shape):
        raise InputError(
            f"rates are {tuple(diagonal.shape)}: give a number, or one for each of {len(point)} parameters"
        )
    return diagonal
