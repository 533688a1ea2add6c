"""The test for copies: its level under exchangeability, its power on digits, against brute force and enumeration."""

import io
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from features import digits, gaussians
from nablagan import metrics
from nablagan.metrics.memorisation import compared
from nablagan.types import InputError

SEEDS = range(20)


def jpeg(rows):
    """Rows of 28 x 28 pixels, written and read as JPEG of quality 50."""
    found = []
    for row in rows.numpy().astype(np.uint8):
        file = io.BytesIO()
        Image.fromarray(row.reshape(28, 28)).save(file, "JPEG", quality=50)
        found.append(np.asarray(Image.open(file)).reshape(-1))
    return torch.as_tensor(np.stack(found)).double()


def noised(rows):
    return (rows + 8 * gaussians(*rows.shape, seed=3)).round().clamp(0, 255)


def sets(seed, change=None):
    """(generated, training, held out): real digits, a tenth of the generated ones copies where `change` is given."""
    rows = digits()[torch.randperm(5000, generator=torch.Generator().manual_seed(seed))]
    training, held_out, generated = rows[:1500], rows[1500:2000], rows[2000:2500].clone()
    if change:
        generated[:50] = change(training[100:150])
    return generated, training, held_out


@pytest.mark.parametrize("change", [lambda rows: rows, noised, jpeg], ids=["exact", "noised", "jpeg"])
def test_a_tenth_of_copies_is_found(change):
    for seed in SEEDS:
        found = metrics.memorisation(*sets(seed, change))
        assert found.p_value < 0.01
        assert found.copied == pytest.approx(0.1, abs=0.04)
        assert (found.nearest[:50] == range(100, 150)).mean() > 0.95


def test_fresh_images_are_not_accused():
    values = [metrics.memorisation(*sets(seed)).p_value for seed in SEEDS]
    assert min(values) > 0.01
    assert 0.25 < np.mean(values) < 0.85


def test_copies_are_found_among_duplicates():
    """Training data in which every image is there twice, and a tenth of the held-out images is in it, too."""
    generated, training, held_out = sets(0, lambda rows: rows)
    generated[:200] = training[100:300]
    held_out = torch.cat([held_out[:450], training[:50]])
    assert metrics.memorisation(generated, torch.cat([training, training]), held_out).p_value < 0.01
    alike = torch.cat([sets(0)[0][:450], training[50:100]])
    assert metrics.memorisation(alike, training, held_out).p_value > 0.01


@pytest.mark.parametrize(("generated", "held_out"), [(300, 200), (50, 400), (400, 50)])
@pytest.mark.parametrize("decimals", [12, 1])
def test_the_level_is_exact_with_ties_and_without(generated, held_out, decimals):
    """p <= a happens with probability at most a, and nearly a; 1,500 exchangeable draws, 3 standard errors."""
    random = np.random.default_rng(0)
    draws = random.gamma(2.0, size=(1500, generated + held_out)).round(decimals)
    values = np.array(
        [compared(row[:generated], row[generated:], tail=0.1, seed=i).p_value for i, row in enumerate(draws)]
    )
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (values <= level).mean() <= level + 3 * (level * (1 - level) / 1500) ** 0.5
    assert (values <= 0.5).mean() > 0.3
    assert values.max() <= 1


def test_the_p_value_is_the_count_of_arrangements():
    """Oracle: every one of the C(9, 4) places of 4 held-out among 9 distances."""
    for tail, rank in ((0.3, 1), (0.5, 2), (0.8, 3)):
        counts = [places[rank - 1] - (rank - 1) for places in combinations(range(9), 4)]
        for places in list(combinations(range(9), 4))[::11]:
            distances = np.arange(9.0)
            fresh = np.isin(range(9), places)
            found = compared(distances[~fresh], distances[fresh], tail)
            assert found.near == places[rank - 1] - (rank - 1)
            assert found.threshold == places[rank - 1]
            assert found.p_value == pytest.approx(np.mean([count >= found.near for count in counts]))
            assert found.expected == pytest.approx(np.mean(counts))


@pytest.mark.parametrize("block", [3, 1024])
def test_nearest_neighbours_are_those_of_brute_force(block):
    queries, training = gaussians(20, 3, 1), gaussians(33, 3, 2)
    distances, index = metrics.nearest_distances(queries, training, block)
    every = torch.cdist(queries, training)
    np.testing.assert_allclose(distances, every.min(1).values, rtol=1e-12)
    assert (index == every.argmin(1).numpy()).all()
    twice = torch.cat([training, training])
    assert (metrics.nearest_distances(queries, twice, block)[1] == index).all()  # the first of equals


def test_images_become_rows():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    assert metrics.flattened(images).tolist() == [list(range(12)), list(range(12, 24))]


def test_wrong_input():
    rows = gaussians(5, 3, 1)
    for words, call in {
        "generated: 5 x|different dimensions": lambda: metrics.memorisation(rows[:, :2], rows, rows),
        "held out: 0 samples": lambda: metrics.memorisation(rows, rows, rows[:0]),
        "training: 0 samples": lambda: metrics.memorisation(rows, rows[:0], rows),
        "tail 1.5": lambda: metrics.memorisation(rows, rows, rows, tail=1.5),
        "0 generated and 3 held-out": lambda: compared(np.zeros(0), np.zeros(3)),
    }.items():
        with pytest.raises(InputError, match=words):
            call()
