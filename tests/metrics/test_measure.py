"""All figures at once: the same values as one by one, whatever the block, with intervals that cover."""

import numpy as np
import pytest
import torch

from features import gaussians
from nablagan import metrics
from nablagan.types import InputError

REAL, FAKE = gaussians(120, 5, 1), gaussians(90, 5, 2, mean=0.3, scale=0.8)
ANSWERS = FAKE.softmax(1)
NAMES = {
    "kernel_distance": lambda f, g: metrics.kernel_distance(f, g),
    "frechet_distance": lambda f, g: metrics.frechet_distance(f, g),
    "precision": lambda f, g: metrics.precision_recall(f, g).precision,
    "recall": lambda f, g: metrics.precision_recall(f, g).recall,
    "density": lambda f, g: metrics.density_coverage(f, g).density,
    "coverage": lambda f, g: metrics.density_coverage(f, g).coverage,
    "sliced_wasserstein": lambda f, g: metrics.sliced_wasserstein(f, g),
    "vendi_real": lambda f, g: metrics.vendi_score(f),
    "vendi_fake": lambda f, g: metrics.vendi_score(g),
}


def test_the_values_are_those_of_each_metric():
    steps = []
    found = metrics.measure(REAL, FAKE, progress=lambda done, stages: steps.append((done, stages)))
    assert set(found) == {*NAMES, "frechet_distance_at_infinity"}
    assert steps == [(done, 5) for done in range(1, 6)]
    for name, metric in NAMES.items():
        assert found[name].value == pytest.approx(metric(REAL, FAKE), rel=1e-9)
    for estimate in found.values():
        assert isinstance(estimate.value, float)
        assert estimate.low <= estimate.value <= estimate.high


def test_answers_of_a_classifier_add_figures():
    found = metrics.measure(REAL, FAKE, probabilities=ANSWERS, labels=ANSWERS.argmax(1), classes=5)
    assert found["inception_score"].value == metrics.inception_score(ANSWERS)
    assert found["modes_found"].value == 5
    assert found["modes_divergence"].value == metrics.modes(ANSWERS.argmax(1), 5).divergence


def test_it_is_a_function_of_its_arguments():
    assert metrics.measure(REAL, FAKE) == metrics.measure(REAL.numpy(), FAKE.numpy())
    small = metrics.measure(REAL, FAKE, metrics.Settings(block=8))
    for name, estimate in metrics.measure(REAL, FAKE).items():
        assert small[name].value == pytest.approx(estimate.value, rel=1e-10)


def test_settings_are_used():
    settings = metrics.Settings(
        precision_neighbours=1, coverage_neighbours=2, kernel=metrics.gaussian(2.0), projections=3
    )
    found = metrics.measure(REAL, FAKE, settings)
    assert found["precision"].value == metrics.precision_recall(REAL, FAKE, 1).precision
    assert found["coverage"].value == metrics.density_coverage(REAL, FAKE, 2).coverage
    expected = metrics.kernel_distance(REAL, FAKE, metrics.gaussian(2.0))
    assert found["kernel_distance"].value == pytest.approx(expected, rel=1e-10)
    assert found["sliced_wasserstein"].value == pytest.approx(metrics.sliced_wasserstein(REAL, FAKE, 3), rel=1e-10)


@pytest.mark.parametrize("different", [True, False])
def test_intervals_cover_at_least_88_of_100(different):
    """Of figures that depend on n, the mean over the seeds; of the extrapolated distance, the closed form."""
    mean, scale = (0.4, torch.linspace(0.6, 1.4, 4)) if different else (0.0, torch.ones(4))
    rows = [metrics.measure(gaussians(120, 4, 2 * s), gaussians(100, 4, 2 * s + 1, mean, scale)) for s in range(100)]
    for name in rows[0]:
        values, low, high = (np.array([getattr(row[name], part) for row in rows]) for part in ("value", "low", "high"))
        truth = values.mean()
        if name == "frechet_distance_at_infinity":
            truth = float((scale.double() - 1).square().sum()) + 4 * mean**2
        assert ((low <= truth) & (truth <= high)).sum() >= 88, name


def test_intervals_need_samples():
    with pytest.raises(InputError, match="real: 19 samples; this metric needs at least 20"):
        metrics.measure(REAL[:19], FAKE)
    with pytest.raises(InputError, match="fake: 90 samples have no 100-th neighbour"):
        metrics.measure(REAL, FAKE, metrics.Settings(coverage_neighbours=50))
    with pytest.raises(InputError, match="give the number of classes"):
        metrics.measure(REAL, FAKE, labels=torch.zeros(90, dtype=torch.int64))
