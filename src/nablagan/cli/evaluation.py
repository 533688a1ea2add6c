"""How an evaluation is told: tables of figures with intervals, and the lines beneath them."""

from collections.abc import Mapping
from typing import Any

from nablagan.report.words import WAYS, number, title_case


def tell(record: Mapping[str, Any]) -> None:
    """The table of a record and what it was taken on."""
    from rich.table import Table

    table = Table("metric", "value", "95 % interval", "", title=_title(record), title_justify="left")
    for name, entry in record["metrics"].items():
        table.add_row(title_case(name), number(entry["value"]), _interval(entry), WAYS.get(entry["better"], ""))
    _print(table)
    print(f"{record['count']:,} generated samples, {record['count']:,} real ones, seed {record['seed']}")
    print(f"extractor: {_protocol(record['extractor'])}")
    for note in record["notes"]:
        print(f"note: {note}")
    print(_memorisation(record["memorisation"]))


def tell_comparison(first: Mapping[str, Any], second: Mapping[str, Any], left: str, right: str) -> None:
    """Two records side by side; which is better where the intervals do not touch."""
    from rich.table import Table

    table = Table("metric", left, "95 % interval", right, "95 % interval", "better")
    for name, entry in first["metrics"].items():
        other = second["metrics"].get(name)
        if other is not None:
            values = [text for side in (entry, other) for text in (number(side["value"]), _interval(side))]
            table.add_row(title_case(name), *values, _better(entry, other, left, right))
    _print(table)
    print(f"{first['count']:,} samples a side, seed {first['seed']}, against {first['against']['name']}")
    print(f"extractor: {_protocol(first['extractor'])}")


def _title(record: Mapping[str, Any]) -> str:
    made, against = record["generated"], record["against"]
    moment = f" at {made['images_seen']:,} images" if "images_seen" in made else ""
    return f"{made['name']}{moment} against {against['name']} ({against['role']})"


def _interval(entry: Mapping[str, Any]) -> str:
    return (
        "–" if entry["low"] is None or entry["high"] is None else f"{number(entry['low'])} to {number(entry['high'])}"
    )


def _protocol(extractor: Mapping[str, Any]) -> str:
    words = [f"{key.replace('_', ' ')} {_short(value)}" for key, value in extractor.items() if key != "name"]
    return f"{extractor['name']}; {', '.join(words)}"


def _short(value: Any) -> str:
    """Hashes by their first digits."""
    text = str(value)
    return text[:12] if len(text) == 64 and text.isalnum() else text


def _memorisation(found: Mapping[str, Any]) -> str:
    if "not_done" in found:
        return f"memorisation: not tested, {found['not_done']}"
    p = found["p_value"]
    judged = "copies of training samples are likely" if p < 0.01 else "no sign of copies"
    share = number(found["share_copied"])
    return f"memorisation: {judged} (p = {number(p)}, share of copies about {share}, docs/evaluate.md)"


def _better(entry: Mapping[str, Any], other: Mapping[str, Any], left: str, right: str) -> str:
    """The name of the better one; empty where intervals touch or the metric has no better way."""
    bounds = [side[end] for side in (entry, other) for end in ("low", "high")]
    if entry["better"] not in WAYS or any(bound is None for bound in bounds):
        return ""
    low, high, other_low, other_high = bounds
    if low <= other_high and other_low <= high:
        return "cannot be told"
    return left if (high < other_low) == (entry["better"] == "less") else right


def _print(table: Any) -> None:
    from rich.console import Console

    Console(width=None if Console().is_terminal else 120, highlight=False).print(table)
