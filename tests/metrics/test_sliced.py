"""Sliced Wasserstein against scipy's quantile functions and the closed form of two Gaussians."""

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.metrics.sliced import directions, sliced_estimate
from nablagan.types import InputError


@pytest.mark.parametrize(("n", "m"), [(12, 12), (12, 8), (7, 12), (1, 5)])
def test_unequal_counts_are_compared_by_quantiles(n, m):
    """Oracle: every sample repeated to the least common multiple of the counts, sorted, compared in order."""
    f, g = gaussians(n, 4, 1), gaussians(m, 4, 2, mean=1.0)
    lines, common = directions(4, 16, seed=3), np.lcm(n, m)
    one, two = (np.sort(np.repeat((x @ lines).numpy(), common // len(x), axis=0), axis=0) for x in (f, g))
    expected = np.sqrt(((one - two) ** 2).mean())
    assert metrics.sliced_wasserstein(f, g, projections=16, seed=3) == pytest.approx(expected, rel=1e-12)


def test_isotropic_gaussians_have_a_closed_form():
    """Along every line W2^2 = (m1 - m2)^2 + (s1 - s2)^2: on average |m|^2/d + (s1 - s2)^2."""
    f, g = gaussians(20000, 3, 1), gaussians(20000, 3, 2, mean=1.0, scale=2.0)
    assert metrics.sliced_wasserstein(f, g, projections=2000) == pytest.approx((1 + 1) ** 0.5, rel=0.03)


def test_the_seed_decides():
    f, g = gaussians(30, 5, 1), gaussians(30, 5, 2, scale=torch.arange(1.0, 6.0))
    assert metrics.sliced_wasserstein(f, g, 4, seed=1) == metrics.sliced_wasserstein(f, g, 4, seed=1)
    assert metrics.sliced_wasserstein(f, g, 4, seed=1) != metrics.sliced_wasserstein(f, g, 4, seed=2)
    assert metrics.sliced_wasserstein(f, f.flip(0)) == 0
    assert directions(5, 7, 0).norm(dim=0).tolist() == pytest.approx([1] * 7)
    with pytest.raises(InputError, match="projections 0"):
        metrics.sliced_wasserstein(f, g, 0)


def test_its_interval_covers_its_mean():
    found = [sliced_estimate(gaussians(100, 3, 2 * s), gaussians(80, 3, 2 * s + 1, mean=0.5), 32) for s in range(100)]
    truth = np.mean([each.value for each in found])
    assert sum(low <= truth <= high for _, low, high in found) >= 88
    widths = np.mean([high - low for _, low, high in found]) / 4.52
    assert widths < 1.5 * np.std([each.value for each in found])
