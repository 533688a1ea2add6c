"""The Vendi score against its definition on the whole similarity matrix."""

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.metrics.diversity import vendi_estimate
from nablagan.types import InputError


@pytest.mark.parametrize(("n", "d"), [(30, 6), (6, 30), (12, 12)])
def test_the_score_is_its_definition(n, d):
    features = gaussians(n, d, 1, mean=0.5)
    unit = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / n)
    expected = np.exp(-sum(v * np.log(v) for v in values if v > 1e-12))
    assert metrics.vendi_score(features) == pytest.approx(expected, rel=1e-10)
    assert vendi_estimate(features).value == pytest.approx(expected, rel=1e-10)
    assert metrics.vendi_score(features * torch.linspace(1, 9, n)[:, None]) == pytest.approx(expected, rel=1e-10)


def test_it_counts_different_samples():
    kinds = torch.eye(7)
    assert metrics.vendi_score(kinds.repeat(5, 1)) == pytest.approx(7)
    assert metrics.vendi_score(torch.ones(9, 4)) == pytest.approx(1)


@pytest.mark.parametrize(("n", "d"), [(100, 5), (40, 60)])
def test_influences_are_the_jackknifes(n, d):
    features = gaussians(n, d, 1, mean=0.5)
    values = [metrics.vendi_score(features[torch.arange(n) != i]) for i in range(n)]
    deviation = np.sqrt((n - 1) * np.var(values))
    found = vendi_estimate(features)
    # below as many samples as dimensions the score grows with n too fast to be linear
    assert (found.high - found.low) / 3.92 == pytest.approx(deviation, rel=0.06 if n > d else 0.5)


def test_a_feature_without_direction_is_refused():
    with pytest.raises(InputError, match="1 of 3 features are all zero"):
        metrics.vendi_score(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
