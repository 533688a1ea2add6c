"""How much of the game Jacobian is potential (symmetric) and how much rotation (antisymmetric)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.game import Jacobian
from nablagan.types import InputError


class Rotation(NamedTuple):
    """Squared Frobenius norms of S = (J + J^T)/2 and A = (J - J^T)/2; together they are that of J."""

    symmetric: float
    """||S||^2"""
    antisymmetric: float
    """||A||^2"""
    symmetric_error: float
    """Standard error of the first; 0 where it is exact, nan for a single probe."""
    antisymmetric_error: float
    """Standard error of the second."""

    @property
    def share(self) -> float:
        """||A||^2 / ||J||^2: 0 is a common descent, 1 pure rotation; nan for J = 0."""
        whole = self.symmetric + self.antisymmetric
        return self.antisymmetric / whole if whole else math.nan


def symmetric_product(jacobian: Jacobian, vector: Tensor) -> Tensor:
    """S u = (J u + J^T u)/2, (n,). In a zero-sum game S has only the players' own curvature.

    >>> from nablagan.tasks import toys
    >>> symmetric_product(toys.quadratic(a=3.0, b=2.0, c=1.0).jacobian(toys.EMPTY), torch.ones(2).double())
    tensor([3., 2.], dtype=torch.float64)
    """
    return 0.5 * (jacobian @ vector + jacobian.T @ vector)


def antisymmetric_product(jacobian: Jacobian, vector: Tensor) -> Tensor:
    """A u = (J u - J^T u)/2, (n,). In a zero-sum game A has only the coupling of the players.

    >>> from nablagan.tasks import toys
    >>> antisymmetric_product(toys.quadratic(a=3.0, b=2.0, c=1.0).jacobian(toys.EMPTY), torch.ones(2).double())
    tensor([ 1., -1.], dtype=torch.float64)
    """
    return 0.5 * (jacobian @ vector - jacobian.T @ vector)


def rotation(jacobian: Jacobian, probes: int = 16, seed: int = 0) -> Rotation:
    """||S||^2 and ||A||^2 as means of |S u|^2 and |A u|^2 over random signs u (Hutchinson 1990).

    A large share of rotation says: play in turn, extragradient, lookahead or more gradient penalty, and not a smaller
    learning rate alone. Costs one product and one transposed product a probe. Exact, with unit vectors, if there are at
    least n probes. Raises InputError for probes < 1.

    >>> from nablagan.tasks import toys
    >>> rotation(toys.quadratic(a=3.0, b=3.0, c=4.0).jacobian(toys.EMPTY)).share
    0.64
    """
    if probes < 1:
        raise InputError(f"probes are {probes}: give 1 or more")
    size = len(jacobian.point)
    exact = probes >= size
    vectors = torch.eye(size).to(jacobian.point) if exact else _signs(probes, jacobian.point, seed)
    squares = torch.stack([_squares(jacobian, vector) for vector in vectors]).double()
    scale = size if exact else 1  # the sum over unit vectors is n times their mean
    means = scale * squares.mean(0)
    errors = torch.zeros(2) if exact else _standard_errors(squares)
    return Rotation(*means.tolist(), *errors.tolist())


def _squares(jacobian: Jacobian, vector: Tensor) -> Tensor:
    """(|S u|^2, |A u|^2), by one product of each kind."""
    ahead, back = jacobian @ vector, jacobian.T @ vector
    return torch.stack([0.25 * (ahead + back).square().sum(), 0.25 * (ahead - back).square().sum()])


def _signs(count: int, point: Tensor, seed: int) -> Tensor:
    """(count, n) entries +-1, the same on every device."""
    draws = torch.Generator().manual_seed(seed)
    return (2.0 * torch.randint(0, 2, (count, len(point)), generator=draws) - 1).to(point)


def _standard_errors(squares: Tensor) -> Tensor:
    if len(squares) == 1:
        return torch.full((2,), math.nan)
    return squares.std(0) / math.sqrt(len(squares))
