"""Where a penalty looks: functions of a pair."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from nablagan.penalties.noise import normal, uniform
from nablagan.types import Pair


class Points(NamedTuple):
    """Samples, and the pair that they and all noise come from."""

    images: Tensor
    """(batch, ...)"""
    pair: Pair
    stream: int
    """For noise at these points: points of different kinds draw independently."""


Place = Callable[[Pair], Points]


def real(pair: Pair) -> Points:
    """The real samples."""
    return Points(pair.real, pair, 1)


def fake(pair: Pair) -> Points:
    """The generated samples."""
    return Points(pair.fake, pair, 2)


def interpolated(pair: Pair) -> Points:
    """real + epsilon (fake - real), epsilon uniform for each sample (Gulrajani et al. 2017, algorithm 1)."""
    epsilon = _like(uniform(pair, 1, 101), pair.real)
    return Points(pair.real + epsilon * (pair.fake - pair.real), pair, 3)


def perturbed(pair: Pair, scale: float = 0.5) -> Points:
    """real + scale N(0, I) (Kodali et al. 2017).

    Unlike the paper's code: the scale is a number, not half the deviation of the batch, which would couple samples.
    """
    noise = normal(pair, pair.real[0].numel(), 102).view_as(pair.real).to(pair.real.dtype)
    return Points(pair.real + scale * noise, pair, 4)


def _like(numbers: Tensor, images: Tensor) -> Tensor:
    """One number a sample, (batch, 1), shaped to multiply images."""
    return numbers.to(images.dtype).view(-1, *[1] * (images.ndim - 1))
