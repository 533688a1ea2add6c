"""Precision, recall, density and coverage against whole distance matrices, block by block and with groups left out."""

import numpy as np
import pytest
import torch

from features import digits, gaussians
from nablagan import metrics
from nablagan.metrics.measure import measure
from nablagan.metrics.tiles import slices, tile_count


def dense(real, fake, k):
    """The four figures with sorted whole matrices, in numpy."""

    def distances(x, y):
        return np.sqrt(((x[:, None] - y[None]) ** 2).sum(2))

    between = distances(real, fake)
    real_radii, fake_radii = (np.sort(distances(x, x), axis=1)[:, k] for x in (real, fake))
    inside = between <= real_radii[:, None]
    recalled = (between <= fake_radii).any(1).mean()
    return inside.any(0).mean(), recalled, inside.sum(0).mean() / k, inside.any(1).mean()


@pytest.mark.parametrize("block", [2, 5, 1024])
@pytest.mark.parametrize(("n", "m"), [(40, 31), (6, 55), (6, 6)])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_in_tiles_as_in_whole_matrices(n, m, k, block):
    real, fake = gaussians(n, 3, 1), gaussians(m, 3, 2, mean=0.5, scale=0.8)
    found = (*metrics.precision_recall(real, fake, k, block), *metrics.density_coverage(real, fake, k, block))
    assert found == pytest.approx(dense(real.numpy(), fake.numpy(), k), rel=1e-12)


def test_copies_are_within_any_ball():
    """4 equal real samples have radius 0 for k = 3; float rounding of real pixels must not throw a copy out of it."""
    pixels = digits()[:300]
    real = torch.cat([pixels, pixels, pixels, pixels])
    assert metrics.precision_recall(real, pixels[:50], k=3).precision == 1.0
    assert metrics.precision_recall(pixels, pixels) == (1.0, 1.0)
    assert metrics.density_coverage(real, pixels, k=3).coverage == 1.0


def test_what_they_are_for():
    """Collapse shows in recall and coverage, samples off the data in precision and density."""
    real = gaussians(400, 4, 1)
    few, wide = gaussians(400, 4, 2, scale=0.05), gaussians(400, 4, 3, scale=3.0)
    assert metrics.precision_recall(real, few).precision > 0.9 > 0.1 > metrics.precision_recall(real, few).recall
    assert metrics.precision_recall(real, wide).recall > 0.8 > 0.4 > metrics.precision_recall(real, wide).precision
    assert metrics.density_coverage(real, few).coverage < 0.1
    assert metrics.density_coverage(real, wide).density < 0.4
    fresh = metrics.density_coverage(real, gaussians(400, 4, 5))
    assert fresh.density == pytest.approx(1, abs=0.1)
    assert fresh.coverage > 0.9


def test_intervals_are_the_jackknife_of_groups():
    """Oracle: the dense figures of what is left when tile after tile is left out of both sides."""
    real, fake = gaussians(43, 3, 1), gaussians(37, 3, 2, mean=0.5)
    found = measure(real, fake, metrics.Settings(precision_neighbours=2, coverage_neighbours=2, block=2))
    # `measure` shuffles; the order is drawn from its seed alone
    sides = [x[torch.randperm(len(x), generator=torch.Generator().manual_seed(s))] for s, x in enumerate((real, fake))]
    figures = []
    for group in range(10):
        kept = []
        for x in sides:
            parts = slices(len(x), tile_count(len(x), 2))
            kept.append(torch.cat([x[part] for tile, part in enumerate(parts) if tile % 10 != group]).numpy())
        figures.append(dense(*kept, 2))
    deviation = np.sqrt(9) * np.std(figures, axis=0)
    for i, name in enumerate(("precision", "recall", "density", "coverage")):
        assert found[name].value == pytest.approx(dense(real.numpy(), fake.numpy(), 2)[i], rel=1e-12)
        assert found[name].low == pytest.approx(max(0, found[name].value - 2.262157 * deviation[i]), rel=1e-6)


@pytest.mark.parametrize(("count", "block"), [(3, 1024), (25, 1024), (1025, 100), (50000, 1024), (7, 2)])
def test_slices_are_short_and_complete(count, block):
    parts = slices(count, tile_count(count, block))
    assert [i for part in parts for i in range(count)[part]] == list(range(count))
    assert min(part.stop - part.start for part in parts) >= 1
    assert max(part.stop - part.start for part in parts) <= block
    assert len(parts) % 10 == 0 or len(parts) == count
