"""What has been measured so far, by name: ticks and probes of a training in the order in which they came."""

from collections.abc import Mapping
from statistics import fmean, median
from typing import Any

RECENT = 3
"""Values that count as recent."""


class History:
    """Every measure as the values it has had, oldest first."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.images_seen = 0

    def add(self, images_seen: int, measures: Mapping[str, Any]) -> None:
        """Take the numbers of a tick or probe; null (not finite) counts as infinite."""
        self.images_seen = images_seen
        for name, value in measures.items():
            number = float("inf") if value is None else float(value)
            self.values.setdefault(name, []).append(number)

    def count(self, name: str) -> int:
        """How often the measure was taken."""
        return len(self.values.get(name, ()))

    def last(self, name: str) -> float:
        """Its latest value; nan if there is none."""
        return self.values[name][-1] if self.count(name) else float("nan")

    def recent(self, name: str, count: int = RECENT) -> float:
        """The median of its latest values; nan if there are fewer."""
        return median(self.values[name][-count:]) if self.count(name) >= count else float("nan")

    def early(self, name: str, count: int = 5) -> float:
        """The mean of its first values; nan if there are fewer."""
        return fmean(self.values[name][:count]) if self.count(name) >= count else float("nan")
