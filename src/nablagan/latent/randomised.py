"""The leading singular vectors of a matrix that is known by its products alone (Halko, Martinsson and Tropp 2011)."""

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]


def leading_singular(
    forward: Product, backward: Product, size: int, count: int, oversampling: int, iterations: int, seed: int
) -> tuple[Tensor, Tensor]:
    """(values (count,) falling, right singular vectors (count, size)) of B (M, size), float64.

    forward(V (size, p)) is B V, backward(U (M, p)) is B^T U. Algorithm 4.4 with `iterations` products B^T B, then 5.1,
    for the row space. With p = count + oversampling the error falls as (value p+1 / value count)^(2 iterations + 1).
    p = size is exact.
    """
    width = min(size, count + oversampling)
    random = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(size, width, generator=random, dtype=torch.float64))[0]
    for _ in range(iterations if width < size else 0):
        basis = torch.linalg.qr(backward(forward(basis)))[0]
    _, values, turn = torch.linalg.svd(forward(basis), full_matrices=False)
    return values[:count], oriented((basis @ turn.T).T[:count])


def oriented(directions: Tensor) -> Tensor:
    """Directions (k, d) with signs such that each one's largest entry is positive: both signs are right."""
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * torch.where(largest < 0, -1.0, 1.0)
