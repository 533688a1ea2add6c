"""What a comparison directory was begun with: a later command must ask for the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nablagan.comparison.budget import Budget
from nablagan.data import Dataset
from nablagan.training.files import write_json
from nablagan.types import InputError

FORMAT = 1
FILE = "settings.json"


@dataclass(frozen=True)
class Settings:
    """Everything that decides what is trained, except which candidates and seeds: those may be added."""

    training: Dataset
    held_out: Dataset
    budget: Budget
    count: int
    threads: int
    device: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "format": FORMAT,
            "data": _identity(self.training),
            "against": _identity(self.held_out),
            "budget": self.budget.words(),
            "count": self.count,
            "threads": self.threads,
            "device": self.device,
        }


def begin(settings: Settings, out: Path) -> dict[str, Any]:
    """Write the settings of a new comparison, or check that they are those of this one. InputError for others."""
    content, path = settings.to_json(), out / FILE
    out.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_json(path, content)
        return content
    kept = read_settings(out)
    if changed := [name for name in content if kept.get(name) != content[name]]:
        name = changed[0]
        raise InputError(
            f"{out} was begun with {name} {kept.get(name)}, not {content[name]}: give the same again, or another --out"
        )
    return content


def read_settings(out: Path) -> dict[str, Any]:
    """The settings of a comparison. InputError for a directory that is none."""
    try:
        content = json.loads((out / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{out} is no comparison: {FILE} cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{out} is no comparison: {FILE} holds no JSON object")
    return content


def _identity(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "count": len(dataset),
        "shape": list(dataset.shape),
    }
