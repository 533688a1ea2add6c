"""The kernel distance against the dense formula and the closed forms of Gaussians."""

import math

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.metrics.kernel import kernel_estimate
from nablagan.types import InputError


def dense(f, g, kernel):
    """Unbiased MMD^2 from whole kernel matrices, in numpy."""
    within = 0.0
    for x in (f, g):
        k = kernel(x, x)
        within += (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))
    return within - 2 * kernel(f, g).mean()


def cubic(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def bell(x, y):
    return np.exp(-((x[:, None] - y[None]) ** 2).sum(2) / (2 * 1.7**2))


@pytest.mark.parametrize("block", [3, 7, 1024])
@pytest.mark.parametrize(("n", "m"), [(23, 17), (2, 40), (12, 12)])
def test_the_blocked_value_is_the_dense_one(n, m, block):
    f, g = gaussians(n, 5, 1), gaussians(m, 5, 2, mean=0.4)
    for ours, theirs in ((metrics.polynomial, cubic), (metrics.gaussian(1.7), bell)):
        expected = dense(f.numpy(), g.numpy(), theirs)
        assert metrics.kernel_distance(f, g, ours, block) == pytest.approx(expected, rel=1e-11)


def gaussian_truth(d, mean, scale, bandwidth):
    """MMD^2 of N(0, I) and N(mean, scale^2 I) under the Gaussian kernel."""

    def between(variance, step):
        return (1 + variance / bandwidth**2) ** (-d / 2) * math.exp(-d * step**2 / (2 * (bandwidth**2 + variance)))

    return between(2, 0) + between(2 * scale**2, 0) - 2 * between(1 + scale**2, mean)


def cubic_truth(d, mean, scale):
    """MMD^2 of N(0, I) and N(mean, scale^2 I) under (x.y/d + 1)^3, from moments of x.y up to the third."""

    def expected(m1, v1, m2, v2):
        inner = d * m1 * m2
        second = inner**2 + d * (v1 * v2 + v1 * m2**2 + v2 * m1**2)
        given_y = inner**3 + 3 * inner * v2 * d * m1**2
        third = given_y + 3 * v1 * (inner * (d * m2**2 + d * v2) + 2 * v2 * inner)
        return third / d**3 + 3 * second / d**2 + 3 * inner / d + 1

    return expected(0, 1, 0, 1) + expected(mean, scale**2, mean, scale**2) - 2 * expected(0, 1, mean, scale**2)


@pytest.mark.parametrize("different", [True, False])
def test_unbiased_and_covered_by_its_interval(different):
    """100 seeds: the mean within 3 standard errors of the closed form, which at least 88 of the intervals cover."""
    mean, scale, d = (0.3, 1.2, 8) if different else (0.0, 1.0, 8)
    pairs = [(gaussians(120, d, 2 * s), gaussians(90, d, 2 * s + 1, mean, scale)) for s in range(100)]
    for kernel, truth in (
        (metrics.polynomial, cubic_truth(d, mean, scale)),
        (metrics.gaussian(3.0), gaussian_truth(d, mean, scale, 3.0)),
    ):
        found = [kernel_estimate(*pair, kernel) for pair in pairs]
        values = np.array([each.value for each in found])
        assert abs(values.mean() - truth) < 3 * values.std() / 10
        assert sum(low <= truth <= high for _, low, high in found) >= 88
        widths = np.array([high - low for _, low, high in found]) / 3.92
        assert 0.75 < widths.mean() / values.std() < 1.35  # neither blind nor useless


def test_a_bandwidth_is_a_length():
    with pytest.raises(InputError, match="bandwidth 0"):
        metrics.gaussian(0.0)


def test_memory_is_that_of_tiles(monkeypatch):
    """No tile is larger than the block."""
    seen = []

    def kernel(tile):
        seen.append(tuple(tile.products.shape))
        return metrics.polynomial(tile)

    metrics.kernel_distance(torch.zeros(100, 2), torch.ones(70, 2), kernel, block=6)
    assert max(max(shape) for shape in seen) <= 6
    assert sum(p * q for p, q in seen) < 100 * 70 + (100 * 101 + 70 * 71) / 2 + 6 * 170
