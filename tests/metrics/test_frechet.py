"""The Fréchet distance against closed forms (commuting covariances), and scipy's sqrtm in the textbook formula."""

import numpy as np
import pytest
import scipy.linalg
import torch

from features import digits, gaussians
from nablagan import metrics
from nablagan.metrics.frechet import frechet_estimates
from nablagan.types import InputError


def with_moments(n, mean, factor, seed):
    """n samples whose sample mean and covariance are exactly `mean` and factor factor^T."""
    drawn = gaussians(n, len(mean), seed)
    drawn = drawn - drawn.mean(0)
    lower = torch.linalg.cholesky(drawn.T @ drawn / (n - 1))
    return torch.linalg.solve_triangular(lower, drawn.T, upper=False).T @ factor.T + mean


def textbook(f, g):
    """With scipy.linalg.sqrtm."""
    (m1, c1), (m2, c2) = ((x.numpy().mean(0), np.cov(x.numpy(), rowvar=False)) for x in (f, g))
    return float(np.sum((m1 - m2) ** 2) + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real))


def test_commuting_covariances_have_a_closed_form():
    """|m1 - m2|^2 + sum (s1 - s2)^2, in a rotated basis."""
    turn = torch.linalg.qr(gaussians(5, 5, seed=9))[0]
    s1, s2 = torch.tensor([3.0, 2, 1, 0.5, 0.1]).double(), torch.tensor([1.0, 2, 3, 0.1, 0.7]).double()
    m1, m2 = torch.arange(5).double(), torch.ones(5).double()
    f, g = with_moments(40, m1, turn * s1, seed=1), with_moments(30, m2, turn * s2, seed=2)
    expected = float((m1 - m2).square().sum() + (s1 - s2).square().sum())
    assert metrics.frechet_distance(f, g) == pytest.approx(expected, rel=1e-12)
    assert metrics.frechet_distance(f + 100, f) == pytest.approx(5e4, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "m", "d"), [(50, 60, 7), (60, 50, 7), (200, 8, 20), (8, 200, 20), (8, 9, 20), (9, 8, 20)]
)
def test_any_covariances_against_sqrtm(n, m, d):
    f, g = gaussians(n, d, 1), gaussians(m, d, 2, mean=0.3, scale=gaussians(d, d, 3))
    # sqrtm of a singular product is good to the root of its rounding
    assert metrics.frechet_distance(f, g) == pytest.approx(textbook(f, g), rel=1e-9 if min(n, m) > d else 1e-5)
    assert metrics.frechet_distance(g, f) == pytest.approx(metrics.frechet_distance(f, g), rel=1e-12)


@pytest.mark.parametrize("count", [100, 2000])
def test_equal_features_are_at_distance_0(count):
    """Real pixels: singular covariances, below and above as many samples as dimensions."""
    pixels = digits()[:count, ::2]
    spread = float(pixels.var(0).sum())
    assert abs(metrics.frechet_distance(pixels, pixels)) < 1e-7 * spread
    assert abs(metrics.frechet_distance(pixels, pixels.flip(0))) < 1e-7 * spread


def test_features_that_are_always_0_change_nothing():
    f, g = gaussians(40, 5, seed=1), gaussians(40, 5, seed=2, scale=2.0)
    padded = [torch.nn.functional.pad(x, (0, 3)) for x in (f, g)]
    assert metrics.frechet_distance(*padded) == pytest.approx(metrics.frechet_distance(f, g), rel=1e-9)
    assert frechet_estimates(*padded).here == pytest.approx(frechet_estimates(f, g).here, rel=1e-6)


def test_extrapolation_removes_the_bias():
    """Of 40 pairs of 200 samples in 8 dimensions: the mean, whose standard error is 0.02, against the closed form."""
    scale = torch.linspace(0.5, 1.5, 8)
    truth = float(((scale - 1) ** 2).sum()) + 8 * 0.09
    pairs = [(gaussians(200, 8, 2 * s), gaussians(200, 8, 2 * s + 1, 0.3, scale)) for s in range(40)]
    plain, infinite = ([metric(*pair) for pair in pairs] for metric in PAIR_METRICS)
    assert np.mean(plain) - truth > 0.12
    assert abs(np.mean(infinite) - truth) < 0.05


PAIR_METRICS = metrics.frechet_distance, metrics.frechet_distance_at_infinity


def test_extrapolation_is_the_line_through_the_means_of_parts():
    """Oracle: numpy.polyfit through distances of parts in the order of the seed."""
    f, g = gaussians(60, 3, seed=1), gaussians(48, 3, seed=2, mean=1.0)
    first, second = f[metrics_order(60, 5)], g[metrics_order(48, 6)]
    means = [
        np.mean([metrics.frechet_distance(a, b) for a, b in zip(first.chunk(p), second.chunk(p), strict=True)])
        for p in (1, 2, 3)
    ]
    expected = np.polyfit([1, 2, 3], means, 1)[1]
    assert metrics.frechet_distance_at_infinity(f, g, parts=(1, 2, 3), seed=5) == pytest.approx(expected, rel=1e-10)
    with pytest.raises(InputError, match="two different numbers"):
        metrics.frechet_distance_at_infinity(f, g, parts=(2,))


def metrics_order(count, seed):
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "m", "d"), [(80, 70, 6), (8, 9, 20), (8, 70, 20)])
def test_values_with_intervals_are_the_plain_ones(n, m, d):
    f, g = gaussians(n, d, 1), gaussians(m, d, 2, mean=0.3, scale=gaussians(d, d, 3))
    found = frechet_estimates(f, g, seed=4)
    assert found.here.value == pytest.approx(metrics.frechet_distance(f, g), rel=1e-7)
    assert found.at_infinity.value == pytest.approx(metrics.frechet_distance_at_infinity(f, g, seed=4), rel=1e-6)


def test_influences_are_the_jackknifes():
    """Oracle: the delete-one jackknife, whose standard error agrees to order 1/n."""
    f, g = gaussians(150, 3, 1), gaussians(120, 3, 2, mean=0.5, scale=gaussians(3, 3, 3))
    variance = 0.0
    for side, other in ((f, g), (g, f)):
        keep = ~torch.eye(len(side), dtype=torch.bool)
        values = torch.tensor([metrics.frechet_distance(side[rows], other) for rows in keep])
        variance += (len(side) - 1) * float(values.var(unbiased=False))
    here = frechet_estimates(f, g).here
    assert (here.high - here.low) / 3.92 == pytest.approx(variance**0.5, rel=0.05)
