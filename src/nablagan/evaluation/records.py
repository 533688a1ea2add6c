"""The record of an evaluation: plain JSON that says all that makes two values comparable, and refuses what is not."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nablagan.evaluation.names import BETTER
from nablagan.types import InputError

FORMAT = 1
KIND = "nablagan evaluation"
PACKAGES = ("nablagan", "torch", "numpy")
ENTRY = ("value", "low", "high", "better")
"""What is read of each metric."""
COMPARABLE = {
    "count": "the numbers of samples",
    "extractor": "the extractors or their protocols",
    "real": "the real data",
    "seed": "the seeds",
    "settings": "the metrics' settings",
}
"""What must be equal in two records whose values are compared, and what people call it."""


def versions() -> dict[str, str]:
    """Of Python and the packages that a value depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def metric_entries(measured: Mapping[str, Any], count: int) -> dict[str, dict[str, Any]]:
    """Each estimate (value, low, high) as JSON, with the numbers of samples on both sides and the better way."""
    return {
        name: {
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "count_generated": count,
            "count_real": count,
            "better": BETTER.get(name, ""),
        }
        for name, estimate in measured.items()
    }


def comparable_part(record: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal in two records: see COMPARABLE."""
    return {
        "count": record["count"],
        "extractor": record["extractor"],
        "real": record["against"]["fingerprint"],
        "seed": record["seed"],
        "settings": record["settings"],
    }


def check_comparable(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Raise InputError, saying what differs, unless values of the two records can be compared."""
    left, right = comparable_part(first), comparable_part(second)
    differing = [name for name in COMPARABLE if left[name] != right[name]]
    if differing:
        told = "; ".join(f"{COMPARABLE[name]} differ{_shown(left[name], right[name])}" for name in differing)
        raise InputError(f"these evaluations cannot be compared: {told}. Evaluate both anew with the same options")


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file. Raises InputError for what is none."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or record.get("kind") != KIND:
        raise InputError(f"{path} is no evaluation: give a file that `nablagan evaluate` wrote")
    if record.get("format") != FORMAT:
        raise InputError(f"{path} has format {record.get('format')}, this version reads {FORMAT}")
    try:
        comparable_part(record)
        _ = record["against"]["name"], [[entry[key] for key in ENTRY] for entry in record["metrics"].values()]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: it lacks {error}; evaluate anew") from error
    return record


def _shown(left: Any, right: Any) -> str:
    """The two values, of a table only what differs."""
    if isinstance(left, dict) and isinstance(right, dict):
        names = [name for name in sorted({*left, *right}) if left.get(name) != right.get(name)]
        return " in " + ", ".join(f"{name} ({left.get(name)} and {right.get(name)})" for name in names[:4])
    return f" ({str(left)[:16]} and {str(right)[:16]})"
