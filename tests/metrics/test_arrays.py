"""Wrong features are refused in one line, by every metric that is given them."""

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.metrics.arrays import checked, shuffled
from nablagan.types import InputError

GOOD = gaussians(30, 4, seed=1)
PAIRS = [
    metrics.frechet_distance,
    metrics.kernel_distance,
    metrics.precision_recall,
    metrics.density_coverage,
    metrics.sliced_wasserstein,
    metrics.frechet_distance_at_infinity,
    metrics.measure,
]


def broken(value):
    features = GOOD.clone()
    features[3, 1] = value
    return features


BAD = {
    "1 of 30 features are nan or infinite .first: 3.": broken(torch.nan),
    "1 of 30 features are nan or infinite": broken(-torch.inf),
    "different dimensions": GOOD[:, :3],
    "shape .30,.; give .n, d.": GOOD[:, 0],
    "0 samples": GOOD[:0],
    "shape .30, 0.": GOOD[:, :0],
    "torch.bool; give real numbers": GOOD > 0,
    "complex128; give real numbers": GOOD * 1j,
    "list is no array of numbers": [["a"]],
    "carry a gradient": GOOD.clone().requires_grad_(),
}


@pytest.mark.parametrize("metric", PAIRS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("words", BAD)
def test_wrong_features_on_either_side_are_refused(metric, words):
    for pair in ((GOOD, BAD[words]), (BAD[words], GOOD)):
        with pytest.raises(InputError, match=words) as refused:
            metric(*pair)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("metric", PAIRS, ids=lambda metric: metric.__name__)
def test_too_few_samples_are_refused(metric):
    if metric is metrics.sliced_wasserstein:
        assert metric(GOOD[:1], GOOD) > 0
        return
    with pytest.raises(InputError, match="at least"):
        metric(GOOD[:1], GOOD)


def test_too_few_for_the_kth_neighbour():
    assert metrics.precision_recall(GOOD[:4], GOOD, k=3)
    for refused in (metrics.precision_recall, metrics.density_coverage):
        with pytest.raises(InputError, match="real: 3 samples have no 3-th neighbour; give at least 4"):
            refused(GOOD[:3], GOOD, k=3)
        with pytest.raises(InputError, match="fake: 3 samples"):
            refused(GOOD, GOOD[:3], k=3)
        with pytest.raises(InputError, match="k = 0"):
            refused(GOOD, GOOD, k=0)


def test_constant_features_measure_nothing():
    with pytest.raises(InputError, match="fake: all 30 features are the same"):
        metrics.measure(GOOD, torch.ones(30, 4))


def test_a_block_has_rows():
    with pytest.raises(InputError, match="block 0"):
        metrics.kernel_distance(GOOD, GOOD, block=0)


def test_numpy_and_every_real_dtype_are_taken():
    whole = (GOOD * 10).round()
    expected = metrics.kernel_distance(whole, whole + 1)
    for dtype in (np.float32, np.float64, np.int16):
        assert metrics.kernel_distance(whole.numpy().astype(dtype), (whole + 1).numpy().astype(dtype)) == expected
    assert checked("x", whole.to(torch.uint8)).dtype == torch.uint8


def test_shuffling_keeps_the_rows():
    assert torch.equal(shuffled(GOOD, 3), shuffled(GOOD, 3))
    assert not torch.equal(shuffled(GOOD, 3), shuffled(GOOD, 4))
    assert torch.equal(shuffled(GOOD, 3).sort(0).values, GOOD.sort(0).values)
