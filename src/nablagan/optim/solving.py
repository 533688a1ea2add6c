"""Linear systems whose matrix is known by its products only."""

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""u -> A u."""


def least_squares(
    times: Product, times_transposed: Product, right: Tensor, tolerance: float, iterations: int
) -> Tensor:
    """x with A x = `right`, or nearest to it, by conjugate gradients on A^T A x = A^T b (Hestenes & Stiefel 1952).

    Stops when |A^T (b - A x)| <= tolerance |A^T b|, or after `iterations` with the best x of the space seen until then.
    Works for every matrix, symmetric or not. Costs one transposed product, and one of each kind an iteration.

    >>> matrix = torch.tensor([[2.0, 1.0], [0.0, 1.0]])
    >>> least_squares(matrix.mv, matrix.T.mv, torch.tensor([3.0, 1.0]), 1e-6, 10)
    tensor([1.0000, 1.0000])
    """
    solution, residual = torch.zeros_like(right), right
    slope = times_transposed(residual)
    search, size = slope, torch.dot(slope, slope)
    target = tolerance**2 * size
    for _ in range(iterations):
        if size <= target:
            break
        image = times(search)
        length = size / torch.dot(image, image)
        solution, residual = solution + length * search, residual - length * image
        slope = times_transposed(residual)
        before, size = size, torch.dot(slope, slope)
        search = slope + size / before * search
    return solution
