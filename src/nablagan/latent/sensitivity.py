"""The directions of a latent space along which the generator changes most and least: the SVD of its Jacobian J."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.latent.products import (
    checked_count,
    checked_finite,
    checked_labels,
    derivative_image,
    held,
    jacobian_matrix,
)
from nablagan.latent.randomised import leading_singular, oriented
from nablagan.types import Generator, InputError


class Sensitivity(NamedTuple):
    """Orthonormal directions, in the latents' dtype, with singular values, float64: pixels per unit of latent."""

    most: Tensor
    """(count, d), the most sensitive first."""
    most_values: Tensor
    """(count,), falling."""
    least: Tensor
    """(count, d), the least sensitive first."""
    least_values: Tensor
    """(count,), rising."""
    singular_values: Tensor
    """(d,), all of them, falling."""
    products: int
    """Forward-mode products J u that it took."""


class Leading(NamedTuple):
    """The most sensitive directions alone."""

    directions: Tensor
    """(count, d), orthonormal, the most sensitive first."""
    singular_values: Tensor
    """(count,), falling, float64."""
    products: int
    """J u and J^T y that it took."""


def sensitive_directions(
    generator: Generator, latent: Tensor, label: Tensor | int | None = None, count: int = 4
) -> Sensitivity:
    """The `count` most and least sensitive directions: right singular vectors of J, local at one latent or averaged.

    At one latent (1, d) the singular values are ||J v||. Over N latents (N, d) they are those of the root of the mean
    of J^T J, so that value^2 is the mean of ||J v||^2. The least sensitive ones need all of J: it is built by d
    forward-mode products for each latent, N d in all, each about two forward passes of one sample, and solved in
    float64 (QR for each latent, one SVD), so that small values are as right as the generator's rounding allows. For
    large d, or when the most sensitive ones are enough, `leading_directions` takes fewer. Signs are chosen so that each
    direction's largest entry is positive. Raises InputError for shapes and counts that do not fit.

    >>> found = sensitive_directions(lambda z, label: z * torch.tensor([1.0, 3.0, 2.0]), torch.zeros(1, 3), count=1)
    >>> found.most, found.most_values, found.least_values
    (tensor([[0., 1., 0.]]), tensor([3.], dtype=torch.float64), tensor([1.], dtype=torch.float64))
    """
    label = checked_labels(latent, label)
    number, size = latent.shape
    checked_count(count, size, "the size of the latent")
    roots = [torch.linalg.qr(matrix, mode="r")[1] for matrix in _matrices(generator, latent, label)]
    root = torch.cat(roots) / math.sqrt(number)
    values, directions = _all_singular(root)
    return Sensitivity(
        most=directions[:count].to(latent),
        most_values=values[:count],
        least=directions.flip(0)[:count].to(latent),
        least_values=values.flip(0)[:count],
        singular_values=values,
        products=number * size,
    )


def leading_directions(
    generator: Generator,
    latent: Tensor,
    label: Tensor | int | None = None,
    count: int = 4,
    oversampling: int = 8,
    iterations: int = 2,
    seed: int = 0,
) -> Leading:
    """The `count` most sensitive directions by randomised SVD from J u and J^T y (Halko et al. 2011).

    The same directions as in `sensitive_directions`, local or averaged, up to an error that falls with every iteration:
    fast where the singular values fall fast. Takes N p (2 iterations + 1) products with p = count + oversampling,
    against N d there: fewer only for large d. Raises InputError for shapes and counts that do not fit.

    >>> leading_directions(lambda z, label: 3 * z, torch.zeros(1, 5), count=1).products
    5
    """
    label = checked_labels(latent, label)
    number, size = latent.shape
    checked_count(count, size, "the size of the latent")
    for name, value in (("oversampling", oversampling), ("iterations", iterations), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} is {value}: give a number of at least 0")
    scale = 1 / math.sqrt(number)

    def forward(directions: Tensor) -> Tensor:
        columns = [derivative_image(generator, latent, column.to(latent), label) for column in directions.T]
        return torch.stack([checked_finite(column).flatten().double() * scale for column in columns], 1)

    with held(generator):
        made, pullback, *_ = torch.func.vjp(lambda z: generator(z, label), latent)

        def backward(images: Tensor) -> Tensor:
            rows = [pullback(column.view_as(made).to(made.dtype))[0] for column in images.T]
            return torch.stack([row.double().sum(0) * scale for row in rows], 1)

        values, directions = leading_singular(forward, backward, size, count, oversampling, iterations, seed)
    width = min(size, count + oversampling)
    repeats = 2 * iterations + 1 if width < size else 1
    return Leading(directions.to(latent), values, number * width * repeats)


def condition_number(generator: Generator, latent: Tensor, label: Tensor | int | None = None) -> Tensor:
    """The largest over the smallest singular value of J at each latent, (N,), float64; inf where J has no full rank.

    A value below the largest times max(values of an image, d) times the rounding error of the generator's dtype counts
    as zero. Takes N d forward-mode products. Raises InputError for shapes that do not fit.

    >>> condition_number(lambda z, label: z * torch.tensor([1.0, 3.0, 2.0]), torch.zeros(2, 3))
    tensor([3., 3.], dtype=torch.float64)
    """
    label = checked_labels(latent, label)
    numbers = []
    for matrix in _matrices(generator, latent, label):
        values = _all_singular(matrix)[0]
        numbers.append(condition(values, max(matrix.shape), latent.dtype))
    return torch.tensor(numbers, dtype=torch.float64)


def condition(values: Tensor, side: int, dtype: torch.dtype) -> float:
    """The first over the last singular value, inf where the last is zero to the rounding error of the dtype."""
    largest, smallest = values[0].item(), values[-1].item()
    return largest / smallest if smallest > largest * side * torch.finfo(dtype).eps else math.inf


def _matrices(generator: Generator, latent: Tensor, label: Tensor | None):
    labels = [None] * len(latent) if label is None else label.split(1)
    return (jacobian_matrix(generator, z, y) for z, y in zip(latent.split(1), labels, strict=True))


def _all_singular(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values (d,) and right singular vectors (d, d) of a matrix (m, d); zeros make up for m < d."""
    _, values, directions = torch.linalg.svd(matrix, full_matrices=len(matrix) < matrix.shape[1])
    return torch.nn.functional.pad(values, (0, matrix.shape[1] - len(values))), oriented(directions)
