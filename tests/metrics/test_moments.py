"""Streaming moments against numpy's mean and covariance of all rows at once."""

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.types import InputError


@pytest.mark.parametrize("sizes", [[50], [1, 49], [7, 1, 30, 12]])
def test_batches_of_any_size_give_the_moments_of_all_rows(sizes):
    rows = gaussians(50, 5, seed=1, mean=1e4, scale=3.0)
    moments = metrics.Moments()
    for batch in rows.split(sizes):
        assert moments.add(batch) is moments
    np.testing.assert_allclose(moments.mean, rows.numpy().mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(rows.numpy(), rowvar=False), rtol=1e-10, atol=1e-10)
    assert moments.count == 50


def test_merging_is_adding():
    first, second = gaussians(20, 3, seed=2), gaussians(9, 3, seed=3, mean=5.0)
    merged = metrics.Moments().add(first).merge(metrics.Moments().add(second))
    added = metrics.Moments().add(torch.cat([first, second]))
    torch.testing.assert_close(merged.covariance, added.covariance, rtol=1e-12, atol=1e-12)
    assert torch.equal(metrics.Moments().merge(added).mean, added.mean)
    assert torch.equal(added.merge(metrics.Moments()).mean, added.mean)


def test_the_distance_of_streamed_moments_is_that_of_arrays():
    for n, d in ((60, 6), (9, 20)):
        first, second = gaussians(n, d, seed=4), gaussians(n + 5, d, seed=5, mean=0.5, scale=1.5)
        streamed = [metrics.Moments() for _ in range(2)]
        for moments, rows in zip(streamed, (first, second), strict=True):
            for batch in rows.float().double().split(4):
                moments.add(batch.float())
        expected = metrics.frechet_distance(first.float(), second.float())
        assert metrics.frechet_distance_of_moments(*streamed) == pytest.approx(expected, rel=1e-7 if n < d else 1e-10)


def test_what_cannot_be_is_refused():
    seen = metrics.Moments().add(gaussians(1, 3, seed=1))
    with pytest.raises(InputError, match="covariance of 1 samples"):
        _ = seen.covariance
    with pytest.raises(InputError, match="4 dimensions after features of 3"):
        seen.add(gaussians(2, 4, seed=1))
    with pytest.raises(InputError, match="of 3 and of 4"):
        metrics.frechet_distance_of_moments(seen, metrics.Moments().add(gaussians(5, 4, seed=1)))
