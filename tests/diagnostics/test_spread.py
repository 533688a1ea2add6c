"""Distances of samples against scipy's energy distance and double loops."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import energy_distance as scipys

from nablagan.diagnostics import spread
from oracle import draws


def mean_over_pairs(a, b, same):
    return np.mean([np.linalg.norm(x - y) for i, x in enumerate(a) for j, y in enumerate(b) if not (same and i == j)])


def test_energy_distance_is_the_double_loop():
    a, b = draws(6, 3, seed=1), draws(5, 3, seed=2) + 0.5
    inside = mean_over_pairs(b.numpy(), b.numpy(), True)
    first = mean_over_pairs(a.numpy(), a.numpy(), True)
    expected = (2 * mean_over_pairs(a.numpy(), b.numpy(), False) - first - inside) / inside
    assert spread.energy_distance(a, b) == pytest.approx(expected, abs=1e-12)
    assert spread.energy_distance(7 * a, 7 * b) == pytest.approx(expected, abs=1e-12)


def test_on_a_line_it_is_scipys_but_for_the_pairs_of_a_sample_with_itself():
    """scipy's is the root of 2 E|x - y| - E|x - x'| - E|y - y'| over all pairs, of which n in n^2 are 0."""
    n, m = 40, 30
    a, b = draws(n, seed=1), draws(m, seed=2) + 1
    points = a.unsqueeze(1), b.unsqueeze(1)
    among = [spread.mean_distance(p) for p in points]
    ours = spread.energy_distance(*points) * among[1] + among[0] / n + among[1] / m
    assert ours == pytest.approx(scipys(a.numpy(), b.numpy()) ** 2, abs=1e-12)


def test_it_is_unbiased_on_one_distribution_and_grows_with_a_shift():
    values = torch.tensor(
        [spread.energy_distance(draws(8, 2, seed=2 * k), draws(8, 2, seed=2 * k + 1)) for k in range(400)]
    )
    error = values.std() / math.sqrt(len(values))
    assert values.min() < 0
    # The quotient's own bias is within the error; with each sample paired with itself the mean would be 0.25.
    assert abs(values.mean()) < 3 * error
    a, b = draws(50, 2, seed=1), draws(50, 2, seed=2)
    shifts = [spread.energy_distance(a + shift, b) for shift in (0.0, 0.5, 1.0, 4.0)]
    assert shifts == sorted(shifts)


def test_samples_all_alike_have_no_spread_to_compare_with():
    assert math.isnan(spread.energy_distance(draws(4, 2), torch.ones(5, 2).double()))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (2, 10, 8), (1, 4, 20)])
def test_images_are_averaged_over_windows(shape):
    """Output pixel i of s averages input pixels floor(i n / s) to ceil((i + 1) n / s)."""
    images = draws(2, *shape)
    found = spread.coarse(images)
    rows, columns = (min(8, side) for side in shape[1:])
    expected = torch.empty(2, shape[0], rows, columns, dtype=torch.float64)
    for i in range(rows):
        for j in range(columns):
            top, bottom = i * shape[1] // rows, -(-(i + 1) * shape[1] // rows)
            left, right = j * shape[2] // columns, -(-(j + 1) * shape[2] // columns)
            expected[:, :, i, j] = images[:, :, top:bottom, left:right].mean((2, 3))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected.flatten(1).float())


def test_points_stay_as_they_are():
    points = draws(5, 2)
    assert torch.equal(spread.coarse(points), points.float())


def test_paired_distance_is_row_by_row():
    a, b = draws(4, 3, seed=1), draws(4, 3, seed=2)
    expected = np.mean([np.linalg.norm(x - y) for x, y in zip(a.numpy(), b.numpy(), strict=True)])
    assert spread.paired_distance(a, b) == pytest.approx(expected, abs=1e-12)
