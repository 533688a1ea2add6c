"""The Vendi score: how many different samples there are, effectively."""

import math

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked
from nablagan.metrics.intervals import Estimate, deviation_of_mean, from_deviation
from nablagan.types import InputError


def vendi_score(f: Array) -> float:
    """exp of the entropy of the eigenvalues of K/n, K the cosines of features (Friedman and Dieng 2023, equation 2).

    f (n, d) -> 1 (all alike) to min(n, d) (all orthogonal). It grows with n: compare equal n. Of the smaller of (n, n)
    and (d, d). Raises InputError; a feature of length 0 has no cosine.

    >>> round(vendi_score(torch.eye(3)), 12)
    3.0
    """
    unit = _unit(f)
    return math.exp(float(_entropy(torch.linalg.eigvalsh(_smaller(unit)))))


def vendi_estimate(f: Array) -> Estimate:
    """`vendi_score` with its 95 % interval: a sample's influence on the entropy is -x^T log(X^T X/n) x - H.

    Raises InputError.
    """
    unit = _unit(f)
    values, vectors = torch.linalg.eigh(_smaller(unit))
    kept = values > values[-1] * torch.finfo(torch.float64).eps * len(values)
    entropy, logs = _entropy(values), -values[kept].log()
    if len(unit) < unit.shape[1]:
        surprises = len(unit) * vectors[:, kept].square() @ (values[kept] * logs)
    else:
        surprises = (unit @ vectors[:, kept]).square() @ logs
    value = math.exp(float(entropy))
    return from_deviation(value, value * deviation_of_mean(surprises), 1.0, float(min(unit.shape)))


def _unit(f: Array) -> Tensor:
    features = checked("features", f).double()
    lengths = features.norm(dim=1, keepdim=True)
    if bool((lengths == 0).any()):
        raise InputError(f"{int((lengths == 0).sum())} of {len(features)} features are all zero: they have no cosine")
    return features / lengths


def _smaller(unit: Tensor) -> Tensor:
    """X X^T/n or X^T X/n: they have the same eigenvalues except zeros."""
    return (unit @ unit.T if len(unit) < unit.shape[1] else unit.T @ unit) / len(unit)


def _entropy(values: Tensor) -> Tensor:
    positive = values.clamp(min=0)
    return -torch.special.xlogy(positive, positive).sum()
