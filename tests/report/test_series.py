"""Columns of measures: gaps, thinning that keeps spikes, smoothing that keeps quiet lines."""

import math
from typing import Any

import numpy as np

from nablagan.report.series import (
    BUCKETS,
    Series,
    broken_where_time_returns,
    measure_series,
    smoothed,
    stage_seconds,
    thinned,
)


def ticks(values: list[Any]) -> list[dict[str, Any]]:
    return [{"images_seen": 64 * i, "measures": {"loss": value}} for i, value in enumerate(values)]


def test_what_is_not_finite_is_a_gap() -> None:
    series = measure_series(ticks([1.0, None, math.nan, math.inf, "text", True, 2]))["loss"]
    assert series.gaps == 5
    assert series.finite.tolist() == [1.0, 2.0]


def test_a_measure_that_begins_late_has_no_gaps_before() -> None:
    rows = [{"images_seen": 0, "measures": {}}, {"images_seen": 64, "measures": {"late": 3.0}}, {"images_seen": 96}]
    series = measure_series(rows)["late"]
    assert (series.gaps, series.finite.tolist()) == (0, [3.0])


def test_thinning_keeps_every_spike_and_every_gap() -> None:
    values = np.zeros(100_000)
    values[[17, 50_001]] = 9.0, -9.0
    values[70_000] = np.nan
    images, kept = thinned(np.arange(100_000.0), values)
    assert len(kept) <= 3 * BUCKETS + 2
    assert {9.0, -9.0} <= set(kept[np.isfinite(kept)])
    assert np.isnan(kept).any()
    assert (np.diff(images) > 0).all()


def test_smoothing_is_the_moving_mean_and_only_for_noise() -> None:
    noise = np.random.default_rng(0).normal(size=400)
    half = 10
    oracle = [noise[max(0, i - half) : i + half + 1].mean() for i in range(400)]
    mean = smoothed(noise)
    assert mean is not None
    np.testing.assert_allclose(mean, oracle, rtol=1e-12, atol=1e-12)
    assert smoothed(np.linspace(0, 1, 400)) is None
    assert smoothed(noise[:20]) is None


def test_a_line_breaks_where_the_images_go_back() -> None:
    series = Series("loss", np.array([0.0, 64, 128, 64, 128]), np.arange(5.0))
    images, values = broken_where_time_returns(series)
    assert np.isnan(values).tolist() == [False, False, False, True, False, False]
    assert images.tolist() == [0, 64, 128, 64, 64, 128]


def test_stages_are_summed_and_what_is_no_number_is_left_out() -> None:
    rows = [
        {"time": {"stages": {"update": 1.5, "data": "x", "new": math.nan}}},
        {"time": {"stages": {"update": 2}}},
        {},
    ]
    assert stage_seconds(rows) == {"update": 3.5}
