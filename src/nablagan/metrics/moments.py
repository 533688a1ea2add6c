"""Mean and covariance, in one pass over batches of any size."""

import torch
from torch import Tensor

from nablagan.metrics.arrays import Array, checked
from nablagan.types import InputError


class Moments:
    """Count, mean and covariance of features, added up in batches (Chan, Golub and LeVeque 1983, equation 1.5).

    >>> both = Moments().add(torch.tensor([[0.0], [2.0]])).add(torch.tensor([[4.0]]))
    >>> both.count, both.mean.tolist(), both.covariance.tolist()
    (3, [2.0], [[4.0]])
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(0)
        self._scatter = torch.zeros(0, 0)

    def add(self, features: Array) -> "Moments":
        """Takes in features (n, d), n >= 1; returns itself. Raises InputError as `checked` does."""
        rows = checked("features", features, least=1).double()
        batch = Moments()
        batch.count, batch._mean = len(rows), rows.mean(0)
        centred = rows - batch._mean
        batch._scatter = centred.T @ centred
        return self.merge(batch)

    def merge(self, other: "Moments") -> "Moments":
        """Takes in what another has seen; returns itself. Raises InputError for another dimension."""
        if not self.count or not other.count:
            seen = self if self.count else other
            self.count, self._mean, self._scatter = seen.count, seen._mean, seen._scatter
            return self
        if len(self._mean) != len(other._mean):
            raise InputError(f"features of {len(other._mean)} dimensions after features of {len(self._mean)}")
        count, step = self.count + other.count, other._mean - self._mean
        between = torch.outer(step, step) * (self.count * other.count / count)
        self._scatter = self._scatter + other._scatter + between
        self._mean = self._mean + step * (other.count / count)
        self.count = count
        return self

    @property
    def mean(self) -> Tensor:
        """(d,) float64."""
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """(d, d) float64, divided by count - 1. Raises InputError below two samples."""
        if self.count < 2:
            raise InputError(f"a covariance of {self.count} samples; it needs at least 2")
        return self._scatter / (self.count - 1)
