"""Figures of logits against scipy's rank test and the formulas of Karras et al. (2020) written out."""

import math

import pytest
import torch
from scipy.stats import mannwhitneyu

from nablagan import diagnostics
from nablagan.types import InputError
from oracle import draws


@pytest.mark.parametrize("digits", [12, 0])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 3), (40, 64)])
def test_separability_is_the_rank_statistic_with_ties_and_without(n, m, digits):
    first, second = draws(n, seed=n).round(decimals=digits) + 0.3 * digits, draws(m, seed=90 + m).round(decimals=digits)
    expected = mannwhitneyu(first.numpy(), second.numpy()).statistic / (n * m)
    assert diagnostics.separability(first, second) == pytest.approx(expected, abs=1e-12)
    assert diagnostics.separability(second, first) == pytest.approx(1 - expected, abs=1e-12)


def test_separability_sees_the_order_alone():
    first, second = draws(20, seed=1) + 0.5, draws(30, seed=2)
    plain = diagnostics.separability(first, second)
    assert diagnostics.separability(torch.exp(first), torch.exp(second)) == plain
    assert diagnostics.separability(first.float() * 1e4, second.float() * 1e4) == plain
    assert diagnostics.separability(first, first - 100) == 1.0
    assert diagnostics.separability(first, first.clone()) == 0.5


def test_the_standard_error_is_the_one_stated():
    n, m = 16, 9
    values = [diagnostics.separability(draws(n, seed=2 * k), draws(m, seed=2 * k + 1)) for k in range(600)]
    assert torch.tensor(values).std().item() == pytest.approx(((n + m + 1) / (12 * n * m)) ** 0.5, rel=0.1)


def test_the_heuristics_of_ada_written_out():
    real, held, fake = draws(9, seed=1) + 1, draws(5, seed=2), draws(7, seed=3) - 1
    expected = ((real.mean() - held.mean()) / (real.mean() - fake.mean())).item()
    assert diagnostics.overfitting(real, held, fake) == pytest.approx(expected, abs=1e-12)
    assert diagnostics.overfitting(3 * real + 7, 3 * held + 7, 3 * fake + 7) == pytest.approx(expected, abs=1e-12)
    assert diagnostics.sign_rate(real) == pytest.approx(((real > 0).sum() - (real < 0).sum()).item() / 9)
    assert diagnostics.logit_drift(real, fake) == pytest.approx((real.mean() + fake.mean()).item() / 2, abs=1e-12)


def test_what_cannot_be_told_is_not_a_number():
    same, broken = torch.ones(3), torch.tensor([1.0, float("nan")])
    assert math.isnan(diagnostics.overfitting(same, same, same))  # 0/0
    assert math.isnan(diagnostics.separability(broken, same))
    assert math.isnan(diagnostics.separability(same, broken))
    assert math.isnan(diagnostics.sign_rate(broken))


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.zeros(2, 1), torch.tensor(1.0)])
def test_no_logits_and_more_than_one_a_sample_are_refused(bad):
    good = torch.zeros(2)
    for call in (
        lambda: diagnostics.separability(good, bad),
        lambda: diagnostics.separability(bad, good),
        lambda: diagnostics.sign_rate(bad),
        lambda: diagnostics.overfitting(good, bad, good),
        lambda: diagnostics.logit_drift(good, bad),
    ):
        with pytest.raises(InputError, match=r"one logit a sample"):
            call()
