"""Inception score and modes against their formulas written out, and floors against simulation."""

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.metrics.classes import inception_estimate, modes_estimate
from nablagan.types import InputError


def test_inception_score_is_its_formula():
    answers = (2 * gaussians(50, 6, 1)).softmax(1)
    p, mean = answers.numpy(), answers.numpy().mean(0)
    expected = np.exp((p * np.log(p / mean)).sum(1).mean())
    assert metrics.inception_score(answers) == pytest.approx(expected, rel=1e-12)
    assert metrics.inception_score(torch.full((5, 4), 0.25)) == pytest.approx(1)
    assert metrics.inception_score(torch.eye(4).repeat(3, 1)) == pytest.approx(4)


def test_intervals_cover_their_means():
    """100 seeds: scores, found modes and divergences; sampling on, not the truth, moves them."""
    scores = [inception_estimate((2 * gaussians(200, 5, s)).softmax(1)) for s in range(100)]
    draws = [torch.randint(0, 50, (100,), generator=torch.Generator().manual_seed(s)) ** 2 // 50 for s in range(100)]
    found, divergences = zip(*(modes_estimate(labels, 50) for labels in draws), strict=True)
    for estimates in (scores, found, divergences):
        mean = np.mean([each.value for each in estimates])
        assert sum(low <= mean <= high for _, low, high in estimates) >= 88


def test_modes_and_divergence():
    labels = torch.tensor([0, 0, 0, 2])
    found = metrics.modes(labels, 4)
    assert (found.found, found.classes) == (2, 4)
    assert found.divergence == pytest.approx(0.75 * np.log(3) + 0.25 * np.log(1))
    shares = torch.tensor([0.75, 0.05, 0.15, 0.05])
    expected = 0.75 * np.log(1) + 0.25 * np.log(0.25 / 0.15)
    assert metrics.modes(labels, 4, shares).divergence == pytest.approx(expected)
    values = [estimate.value for estimate in modes_estimate(labels, 4)]
    assert values == pytest.approx([found.found, found.divergence])


@pytest.mark.parametrize("shares", [None, torch.tensor([0.5, 0.3, 0.15, 0.04, 0.01])])
def test_floors_are_what_real_data_give(shares):
    """Oracle: 4,000 simulated sets."""
    p = np.full(5, 0.2) if shares is None else shares.double().numpy() / float(shares.sum())
    counts = np.random.default_rng(0).multinomial(30, p, size=4000)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergences = np.nansum(counts / 30 * np.log(counts / 30 / p), axis=1)
    floor = metrics.modes(torch.zeros(30, dtype=torch.int64), 5, shares)
    assert floor.found_floor == pytest.approx((counts > 0).sum(1).mean(), abs=0.03)
    assert floor.divergence_floor == pytest.approx(divergences.mean(), abs=4 * divergences.std() / 4000**0.5)


def test_the_protocol_of_stacked_digits():
    """25,600 samples of 1,000 equally likely modes find all of them; three labels make one."""
    floor = metrics.modes(torch.arange(26000)[:25600] % 1000, 1000)
    assert floor.found_floor == pytest.approx(1000, abs=1e-6)
    assert floor.divergence_floor == pytest.approx(999 / (2 * 25600), rel=0.02)  # chi squared / 2n
    assert metrics.stacked(torch.tensor([[9, 0, 4], [0, 0, 7]])).tolist() == [904, 7]


def test_wrong_answers_are_refused():
    good = torch.tensor([0, 1])
    for words, call in {
        "rows sum to 1 within 1": lambda: metrics.inception_score(torch.ones(3, 2)),
        "probabilities: rows sum": lambda: metrics.inception_score(torch.tensor([[1.5, -0.5]] * 2)),
        "values from 0 to 1; with 1 classes they are 0 to 0": lambda: metrics.modes(good, 1),
        "values from -1 to 0": lambda: metrics.modes(good - 1, 2),
        "give integers .n,.": lambda: metrics.modes(good.float(), 2),
        "of shape .0,.": lambda: metrics.modes(good[:0], 2),
        "positive numbers that sum to 1": lambda: metrics.modes(good, 2, torch.tensor([1.0, 0.0])),
        "stacked labels have shape .2,.": lambda: metrics.stacked(good),
    }.items():
        with pytest.raises(InputError, match=words):
            call()
