"""comparison.json: one row a candidate and sampler, every seed's figures, their mean and range."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nablagan.comparison.running import Cell

FILE = "comparison.json"
KIND, FORMAT = "nablagan comparison", 1
COSTS = ("seconds", "wall_seconds", "cpu_seconds", "steps", "images", "evaluations")

Results = Mapping[tuple[str, int], dict[str, Any] | None]
"""(candidate, seed) -> what `measured_cell` gave."""


def table(cells: Sequence[Cell], results: Results, out: Path) -> list[dict[str, Any]]:
    """The rows: finished cells of a candidate side by side; a candidate that failed with every seed has one row."""
    rows = []
    for name in dict.fromkeys(cell.candidate.name for cell in cells):
        mine = [cell for cell in cells if cell.candidate.name == name]
        records = [(cell, record) for cell in mine if (record := cell.record()) is not None]
        failures = [_failure(record) for _, record in records if record["status"] != "done"]
        done = [(cell, record) for cell, record in records if record["status"] == "done"]
        head = {"candidate": name, "title": mine[0].candidate.title, "words": mine[0].candidate.words}
        samplers = [row["sampler"] for row in done[0][1]["samplers"]] if done else []
        rows += [head | {"failures": failures} | _row(done, results, sampler, out) for sampler in samplers]
        if failures and not done:
            rows.append(head | {"failures": failures, "sampler": None, "seeds": []})
    return rows


def _row(done: Sequence[tuple[Cell, dict[str, Any]]], results: Results, sampler: str, out: Path) -> dict[str, Any]:
    seeds = [
        _of_seed(cell, record, results.get((cell.candidate.name, cell.seed)), sampler, out) for cell, record in done
    ]
    first = done[0][1]
    names = list(dict.fromkeys(name for seed in seeds for name in seed.get("metrics", {})))
    summary = {name: _spread([seed["metrics"][name] for seed in seeds if "metrics" in seed]) for name in names}
    costs = {name: _mean([record[name] for _, record in done]) for name in COSTS}
    return {
        "sampler": sampler,
        "steps_of_sampler": seeds[0]["steps_of_sampler"],
        "parameters": first["parameters"],
        "sampling_parameters": first["sampling_parameters"],
        "threads": first["threads"],
        "milliseconds_per_sample": _mean([seed["milliseconds_per_sample"] for seed in seeds]),
        "training": costs,
        "summary": summary,
        "seeds": seeds,
    }


def _of_seed(
    cell: Cell, record: Mapping[str, Any], result: Mapping[str, Any] | None, sampler: str, out: Path
) -> dict[str, Any]:
    """One seed's figures."""
    cost = next(row for row in record["samplers"] if row["sampler"] == sampler)
    figures = {} if result is None else result["figures"][sampler]
    return {
        "seed": cell.seed,
        "steps_of_sampler": cost["steps"],
        "milliseconds_per_sample": cost["milliseconds_per_sample"],
        "picture": str((cell.directory / f"picture-{sampler}.png").relative_to(out)),
        "load_average": [record["load_average_at_start"][0], record["load_average_at_end"][0]],
        **figures,
    }


def _spread(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and range of the seeds' values, and the hull of their intervals."""
    values = [entry["value"] for entry in entries if entry["value"] is not None]
    if not values:
        return {"mean": None, "least": None, "most": None, "low": None, "high": None, "seeds": 0}
    lows, highs = ([e[side] for e in entries if e[side] is not None] for side in ("low", "high"))
    return {
        "mean": _mean(values),
        "least": min(values),
        "most": max(values),
        "low": min(lows, default=None),
        "high": max(highs, default=None),
        "seeds": len(values),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _failure(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"seed": record["seed"], "reason": record["reason"], "images": record["images"]}
