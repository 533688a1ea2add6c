"""Figures of a classifier's answers: inception score, and modes found on labelled data with their floor."""

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from nablagan.metrics.arrays import Array, checked
from nablagan.metrics.intervals import Estimate, deviation_of_mean, from_deviation
from nablagan.types import InputError


class Modes(NamedTuple):
    """Classes that samples fall into, and what real data of the same count give."""

    found: int
    """Classes with at least one sample."""
    classes: int
    divergence: float
    """KL of the samples' frequencies from the expected ones, in nats."""
    found_floor: float
    """Expected `found` of as many samples drawn with the expected frequencies."""
    divergence_floor: float
    """Expected `divergence` of them: not 0, because frequencies of few samples are uneven."""


def inception_score(probabilities: Array) -> float:
    """exp E KL(p(y|x) || p(y)), 1 to the number of classes (Salimans et al. 2016), over all samples in one part.

    probabilities (n, classes) of the generated images: rows sum to 1. It sees no real data. Raises InputError.

    >>> round(inception_score(torch.eye(4)), 12)
    4.0
    """
    return inception_estimate(probabilities).value


def inception_estimate(probabilities: Array) -> Estimate:
    """`inception_score` with its 95 % interval, to first order in the sample. Raises InputError."""
    answers = _distributions(probabilities)
    mean = answers.mean(0)
    inner = torch.special.xlogy(answers, answers).sum(1)
    relative = inner - torch.special.xlogy(answers, mean.expand_as(answers)).sum(1)
    value = math.exp(float(relative.mean()))
    return from_deviation(value, value * deviation_of_mean(relative), 1.0, float(answers.shape[1]))


def modes(labels: Array, classes: int, expected: Array | None = None) -> Modes:
    """Modes found and the divergence from the expected frequencies (Metz et al. 2017; Lin et al. 2018, "PacGAN").

    labels (n,) integers below `classes`, as a classifier gives them to generated images; expected (classes,) sums to 1
    (None: uniform). Stacked digits: `modes(stacked(labels), 1000)`. Raises InputError.

    >>> modes(torch.tensor([0, 0, 1, 1]), classes=2)[:4]
    (2, 2, 0.0, 1.875)
    """
    counts, shares = _counts(labels, classes), _expected(expected, classes)
    n = int(counts.sum())
    with np.errstate(divide="ignore"):
        return Modes(
            int((counts > 0).sum()),
            classes,
            _divergence(counts / n, shares),
            float((-np.expm1(n * np.log1p(-shares))).sum()),
            _divergence_floor(n, shares),
        )


def modes_estimate(labels: Array, classes: int) -> tuple[Estimate, Estimate]:
    """`found` and `divergence` from uniform frequencies with intervals.

    Of the count of modes: the jackknife's variance f - f^2/n with f modes seen once. Raises InputError.
    """
    figures, counts = modes(labels, classes), _counts(labels, classes)
    n, once = int(counts.sum()), int((counts == 1).sum())
    found = from_deviation(figures.found, math.sqrt(once - once**2 / n), 1.0, float(classes))
    logs = np.log(counts[counts > 0] * (classes / n))
    variance = np.sum(counts[counts > 0] / n * (logs - figures.divergence) ** 2)
    return found, from_deviation(figures.divergence, math.sqrt(variance / n), 0.0, math.log(classes))


def stacked(labels: Array, classes: int = 10) -> Tensor:
    """One label (n,) below classes^c for the labels (n, c) of an image's c channels ("stacked MNIST": c = 3).

    >>> stacked(torch.tensor([[1, 2, 3]])).tolist()
    [123]
    """
    digits = torch.as_tensor(labels)
    if digits.ndim != 2:
        raise InputError(f"stacked labels have shape {tuple(digits.shape)}; give (n, channels)")
    return (digits * classes ** torch.arange(digits.shape[1] - 1, -1, -1, device=digits.device)).sum(1)


def _distributions(probabilities: Array) -> Tensor:
    answers = checked("probabilities", probabilities).double()
    error = float((answers.sum(1) - 1).abs().max())
    if bool((answers < 0).any()) or error > 1e-3:
        raise InputError(f"probabilities: rows sum to 1 within {error:.2g}; give the softmax of the logits")
    return answers / answers.sum(1, keepdim=True)


def _counts(labels: Array, classes: int) -> np.ndarray:
    given = torch.as_tensor(labels)
    if given.ndim != 1 or not len(given) or given.is_floating_point() or given.is_complex():
        raise InputError(f"labels: {given.dtype} of shape {tuple(given.shape)}; give integers (n,), n at least 1")
    if int(given.min()) < 0 or int(given.max()) >= classes:
        words = f"{int(given.min())} to {int(given.max())}"
        raise InputError(f"labels: values from {words}; with {classes} classes they are 0 to {classes - 1}")
    return torch.bincount(given.cpu(), minlength=classes).numpy()


def _expected(expected: Array | None, classes: int) -> np.ndarray:
    if expected is None:
        return np.full(classes, 1 / classes)
    shares = torch.as_tensor(expected).double().cpu().numpy()
    if shares.shape != (classes,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise InputError(f"expected frequencies: give ({classes},) positive numbers that sum to 1")
    return shares


def _divergence(frequencies: np.ndarray, shares: np.ndarray) -> float:
    seen = frequencies > 0
    return float(np.sum(frequencies[seen] * np.log(frequencies[seen] / shares[seen])))


def _divergence_floor(n: int, shares: np.ndarray) -> float:
    """E KL(counts/n || shares) of a multinomial: each class's count is binomial."""
    counts, total = np.arange(1, n + 1), 0.0
    for share, times in zip(*np.unique(shares, return_counts=True), strict=True):
        terms = binom.pmf(counts, n, share) * counts / n * np.log(counts / (n * share))
        total += float(terms.sum()) * int(times)
    return total
