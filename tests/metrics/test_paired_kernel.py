"""The kernel distance of pairs: against the double sum, against deleting each pair, and where pairs depend."""

import math

import pytest
import torch

from features import gaussians
from nablagan.metrics.kernel import kernel_distance
from nablagan.metrics.paired_kernel import paired_kernel_distance, paired_kernel_estimate
from nablagan.types import InputError


def by_hand(f, g):
    """The mean over i != j, as a double loop."""
    n, d = f.shape

    def k(a, b):
        return float((a @ b / d + 1) ** 3)

    terms = [
        k(f[i], f[j]) + k(g[i], g[j]) - k(f[i], g[j]) - k(f[j], g[i]) for i in range(n) for j in range(n) if i != j
    ]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("block", [3, 1024])
def test_equals_the_double_sum(block):
    f, g = gaussians(13, 4, seed=0), gaussians(13, 4, seed=1, mean=0.5)
    assert paired_kernel_distance(f, g, block=block) == pytest.approx(by_hand(f, g), rel=1e-10)


def test_the_interval_is_that_of_deleting_each_pair():
    """Oracle: the jackknife carried out."""
    f, g = gaussians(12, 3, seed=0), gaussians(12, 3, seed=1, mean=0.5)
    kept = [[j for j in range(12) if j != i] for i in range(12)]
    without = torch.tensor([by_hand(f[rows], g[rows]) for rows in kept])
    deviation = math.sqrt(11 * float(without.var(unbiased=False)))
    found = paired_kernel_estimate(f, g)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * deviation, rel=1e-6)


def test_it_is_unbiased_where_the_members_of_a_pair_are_near_each_other():
    """Both members have one distribution: 200 draws of 10 pairs have a mean of 0 within 3 errors."""
    paired, independent = [], []
    for seed in range(200):
        f = gaussians(10, 3, seed=seed)
        g = 0.9 * f + math.sqrt(1 - 0.81) * gaussians(10, 3, seed=1000 + seed)
        paired.append(paired_kernel_distance(f, g))
        independent.append(kernel_distance(f, g))
    for values, is_unbiased in ((torch.tensor(paired), True), (torch.tensor(independent), False)):
        assert (abs(values.mean()) < 3 * values.std() / math.sqrt(len(values))) == is_unbiased


def test_pairs_need_as_many_of_both():
    with pytest.raises(InputError, match="as many of both"):
        paired_kernel_distance(gaussians(5, 3, seed=0), gaussians(4, 3, seed=1))
    with pytest.raises(InputError, match="at least 3"):
        paired_kernel_distance(gaussians(2, 3, seed=0), gaussians(2, 3, seed=1))
