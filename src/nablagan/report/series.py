"""Measures over the images seen: columns of the ticks, thinned and smoothed for drawing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeGuard

import numpy as np

from nablagan.report.record import Event

BUCKETS = 360
"""A drawn line keeps the least and the greatest value of each of so many stretches, so that no spike is lost."""
FEW = 40
"""Lines of fewer points are not smoothed."""
LARGEST = 1e200
"""Greater values count as infinite: their squares would be."""
NOISY = 0.03
"""Residual of the smoothed line, as a part of the curve's span, above which the smoothed line is drawn too."""


@dataclass(frozen=True)
class Series:
    """One measure: values (float64, NaN where there is none) at `images` (float64); `gaps` counts bad values."""

    name: str
    images: np.ndarray
    values: np.ndarray
    gaps: int = 0

    @property
    def finite(self) -> np.ndarray:
        """The values that are numbers."""
        return self.values[np.isfinite(self.values)]

    @property
    def varies(self) -> bool:
        """Whether it takes more than one value."""
        return bool(len(self.finite)) and bool(np.ptp(self.finite) > 0)


def measure_series(ticks: list[Event]) -> dict[str, Series]:
    """Every measure of the ticks, by name, in order of first appearance."""
    return _columns(ticks, [_mapping(tick.get("measures")) for tick in ticks])


def time_series(ticks: list[Event]) -> dict[str, Series]:
    """Every number directly under the ticks' `time`, by name."""
    return _columns(ticks, [_mapping(tick.get("time")) for tick in ticks])


def stage_seconds(ticks: list[Event]) -> dict[str, float]:
    """Seconds of each stage, summed over the ticks."""
    totals: dict[str, float] = {}
    for tick in ticks:
        for name, value in _mapping(_mapping(tick.get("time")).get("stages")).items():
            if is_finite(value):
                totals[name] = totals.get(name, 0.0) + value
    return totals


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a JSON value is a number (true and false are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> TypeGuard[int | float]:
    """Whether a JSON value is a number that can be reckoned with: Python's JSON has NaN, Infinity and endless ints."""
    return is_number(value) and abs(value) < LARGEST


def thinned(images: np.ndarray, values: np.ndarray, buckets: int = BUCKETS) -> tuple[np.ndarray, np.ndarray]:
    """At most about two points a bucket: the least and the greatest, in their order. Short lines are kept whole."""
    if len(values) <= 2 * buckets:
        return images, values
    edges = np.linspace(0, len(values), buckets + 1).astype(int)
    kept = [i for start, stop in pairwise(edges) for i in _extremes(values, start, stop)]
    chosen = np.unique([0, *kept, len(values) - 1])
    return images[chosen], values[chosen]


def smoothed(values: np.ndarray) -> np.ndarray | None:
    """The centred moving mean over a twentieth of the line, NaN left out; None for a short or a quiet line."""
    good = np.isfinite(values)
    if good.sum() < FEW:
        return None
    half = max(2, len(values) // 40)
    sums, counts = _window(np.where(good, values, 0.0), half), _window(good.astype(float), half)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    residual = np.nanstd((values - mean)[good])
    span = np.subtract(*np.percentile(values[good], [95, 5]))
    return np.where(good, mean, np.nan) if residual > NOISY * span and span > 0 else None


def broken_where_time_returns(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Images and values with a gap wherever the images seen go back (a rollback, a resume)."""
    back = np.flatnonzero(np.diff(series.images) < 0) + 1
    return np.insert(series.images, back, series.images[back]), np.insert(series.values, back, np.nan)


def _columns(ticks: list[Event], rows: list[dict[str, Any]]) -> dict[str, Series]:
    images = np.array([tick["images_seen"] for tick in ticks], float)
    names = dict.fromkeys(name for row in rows for name, value in row.items() if _is_measure(value))
    columns = {name: [_value(row.get(name)) for row in rows] for name in names}
    return {name: _series(name, images, column, rows) for name, column in columns.items()}


def _series(name: str, images: np.ndarray, column: list[float], rows: Iterable[dict[str, Any]]) -> Series:
    values = np.array(column, float)
    values[~np.isfinite(values)] = np.nan
    gaps = sum(name in row for row in rows) - int(np.isfinite(values).sum())
    return Series(name, images, values, gaps)


def _is_measure(value: Any) -> bool:
    return value is None or is_number(value)


def _value(value: Any) -> float:
    return float(value) if is_finite(value) else math.nan


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _extremes(values: np.ndarray, start: int, stop: int) -> list[int]:
    part = values[start:stop]
    good = np.flatnonzero(np.isfinite(part))
    if not len(good):
        return [start]
    gap = [start + int(np.flatnonzero(np.isnan(part))[0])] if len(good) < len(part) else []
    return [start + int(good[part[good].argmin()]), start + int(good[part[good].argmax()]), *gap]


def _window(values: np.ndarray, half: int) -> np.ndarray:
    """Sums over [i - half, i + half], cut at both ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    return total[np.minimum(index + half + 1, len(values))] - total[np.maximum(index - half, 0)]
