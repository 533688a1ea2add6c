"""The Fréchet distance of Gaussians fitted to features, its interval, and its value for infinitely many samples."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked_pair, shuffled
from nablagan.metrics.intervals import Estimate, deviation_of_mean, from_deviation
from nablagan.metrics.moments import Moments
from nablagan.types import InputError

EPSILON = torch.finfo(torch.float64).eps


def frechet_distance(f: Array, g: Array) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the fitted Gaussians (Dowson and Landau 1982; Heusel et al. 2017).

    f (n, d), g (m, d), n, m >= 2; covariances divide by n - 1. The trace of the root is the nuclear norm of F1 F2^T for
    any Fi^T Fi = Ci, so that nothing is inverted; below d samples, F is the centred features. Biased upwards, by about
    1/n: compare equal n only. Raises InputError.

    >>> frechet_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [5.0]]))
    9.0
    """
    first, second = (features.double() for features in checked_pair(f, g))
    if len(second) < len(first):
        first, second = second, first
    if len(first) >= first.shape[1]:
        return frechet_distance_of_moments(Moments().add(first), Moments().add(second))
    one, two = _centred(first), _centred(second)
    between = (first.mean(0) - second.mean(0)).square().sum()
    return float(between + one.square().sum() + two.square().sum() - 2 * _nuclear_norm(one, two))


def frechet_distance_of_moments(a: Moments, b: Moments) -> float:
    """`frechet_distance` of what two `Moments` have seen. Raises InputError for different dimensions."""
    if len(a.mean) != len(b.mean):
        raise InputError(f"moments of {len(a.mean)} and of {len(b.mean)} dimensions; use one extractor for both")
    root, covariance = _root(a.covariance), b.covariance
    between = (a.mean - b.mean).square().sum()
    values = torch.linalg.eigvalsh(root @ covariance @ root.T)
    return float(between + a.covariance.trace() + covariance.trace() - 2 * _roots(values).sum())


def frechet_distance_at_infinity(f: Array, g: Array, parts: tuple[int, ...] = (1, 2), seed: int = 0) -> float:
    """The Fréchet distance extrapolated to infinitely many samples, by a line in 1/n (Chong and Forsyth 2020).

    For each p of `parts`, both arrays (shuffled by the seed) are cut into p disjoint parts and the p distances
    averaged; the line through them against p is read at p = 0. Trust it where n/p is well above d.
    # Unlike the paper: parts that do not overlap, in place of random subsets, and both sides grow together, so that
    the bias of both is removed. Raises InputError.
    """
    first, second = checked_pair(f, g, least=2 * max(parts))
    if len(set(parts)) < 2 or min(parts) < 1:
        raise InputError(f"parts {parts}: a line needs two different numbers of parts, each 1 or more")
    one, two = shuffled(first, seed), shuffled(second, seed + 1)
    return _intercept(parts, [_mean_distance(one, two, p) for p in parts])


class FrechetEstimates(NamedTuple):
    """Of one pair of arrays: at its own n, and extrapolated."""

    here: Estimate
    at_infinity: Estimate


def frechet_estimates(f: Array, g: Array, seed: int = 0) -> FrechetEstimates:
    """`frechet_distance` and `frechet_distance_at_infinity` (parts 1 and 2) with intervals.

    To first order the distance is a mean of influences |x - m|^2-like forms of single samples: their variance gives
    the interval; the two halves' spread gives it where that vanishes (equal distributions). The interval of the plain
    value is for the mean of the *biased* value at this n, not for the distance of the distributions.
    """
    first, second = (features.double() for features in checked_pair(f, g, least=4))
    value, deviation = _with_deviation(first, second)
    halves = _part_distances(shuffled(first, seed), shuffled(second, seed + 1), 2)
    deviation = max(deviation, abs(halves[0] - halves[1]) / 2)
    infinite = _intercept((1, 2), [value, sum(halves) / 2])
    return FrechetEstimates(from_deviation(value, deviation), from_deviation(infinite, deviation))


def _with_deviation(first: Tensor, second: Tensor) -> tuple[float, float]:
    """The distance and its standard error: influences x^T (I - T) x + 2 (m1 - m2) x of centred x, T the optimal map.

    With C1 = F^T F, x = F^T c and F C2 F^T = U S^2 U^T: x^T T x = |S^(1/2) U^T c|^2 and, for the other side,
    y^T T^(-1) y = |S^(-1/2) U^T F y|^2.
    """
    one, two = first - first.mean(0), second - second.mean(0)
    root, coordinates = _root_and_coordinates(one)
    image = two @ root.T
    squares, turn = torch.linalg.eigh(image.T @ image / (len(two) - 1))
    values = _roots(squares)
    inverse = torch.where(values > 0, 1 / values.clamp(min=1e-300), 0.0)
    step = first.mean(0) - second.mean(0)
    moved = ((coordinates @ turn).square() @ values, (image @ turn).square() @ inverse)
    influences = (one.square().sum(1) - moved[0] + 2 * one @ step, two.square().sum(1) - moved[1] - 2 * two @ step)
    spread = one.square().sum() / (len(one) - 1) + two.square().sum() / (len(two) - 1)
    value = float(step.square().sum() + spread - 2 * values.sum())
    return value, math.hypot(*(deviation_of_mean(each) for each in influences))


def _root_and_coordinates(centred: Tensor) -> tuple[Tensor, Tensor]:
    """F (r, d) with F^T F the covariance, and c (n, r) with rows x = F^T c."""
    scale = math.sqrt(len(centred) - 1)
    if len(centred) < centred.shape[1]:
        return centred / scale, scale * torch.eye(len(centred), dtype=centred.dtype, device=centred.device)
    covariance = centred.T @ centred / scale**2
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return lower.T, torch.linalg.solve_triangular(lower, centred.T, upper=False).T
    values, vectors = _kept(covariance)
    return (vectors * values.sqrt()).T, centred @ (vectors / values.sqrt())


def _root(covariance: Tensor) -> Tensor:
    """F (r, d) with F^T F = C: Cholesky's factor, from eigenvectors where C is singular."""
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return lower.T
    values, vectors = _kept(covariance)
    return (vectors * values.sqrt()).T


def _kept(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors above rounding."""
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > EPSILON * len(values) * values[-1].clamp(min=0)
    return values[kept], vectors[:, kept]


def _roots(squares: Tensor) -> Tensor:
    """Square roots of the eigenvalues of a positive matrix, 0 for those that are rounding."""
    largest = squares.amax() if len(squares) else squares.sum()
    return torch.where(squares > EPSILON * largest, squares, 0.0).clamp(min=0).sqrt()


def _centred(features: Tensor) -> Tensor:
    return (features - features.mean(0)) / math.sqrt(len(features) - 1)


def _nuclear_norm(one: Tensor, two: Tensor) -> Tensor:
    """||one two^T||_* for fewer rows of `one` than columns."""
    if len(two) < one.shape[1]:
        return torch.linalg.svdvals(one @ two.T).sum()
    image = two @ one.T
    return _roots(torch.linalg.eigvalsh(image.T @ image)).sum()


def _part_distances(first: Tensor, second: Tensor, parts: int) -> list[float]:
    pairs = zip(first.tensor_split(parts), second.tensor_split(parts), strict=True)
    return [frechet_distance(one, two) for one, two in pairs]


def _mean_distance(first: Tensor, second: Tensor, parts: int) -> float:
    return sum(_part_distances(first, second, parts)) / parts


def _intercept(positions: tuple[int, ...], values: list[float]) -> float:
    """The least-squares line at 0."""
    x, y = torch.tensor(positions, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return float(y.mean() - slope * x.mean())
