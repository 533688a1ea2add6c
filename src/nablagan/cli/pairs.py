"""How a comparison of pairs is told: a table of candidates and figures, one for each group of holes."""

from collections.abc import Mapping
from typing import Any

from nablagan.report.words import number, title_case

HEADINGS = {"l1": "L1", "psnr": "PSNR in dB", "ssim": "SSIM"}
ARROWS = {"less": "less is better", "more": "more is better"}


def tell_pairs(record: Mapping[str, Any]) -> None:
    """The tables of a record of `evaluation.pairs.pair_record`, and what the figures were taken on."""
    where = ", L1, PSNR and SSIM over the missing pixels" if record["masked"] else ""
    _print(table_of(record["figures"], f"{record['count']:,} pairs{where}"))
    for group, content in record["groups"].items():
        _print(table_of(content["figures"], f"{group}: {content['count']:,} pairs"))
    for name, figures in record["differences"].items():
        surely = [_heading(figure) for figure, entry in figures.items() if _is_sure(entry)]
        told = ", ".join(surely) or "nothing"
        print(f"{record['first']} and {name} differ for certain in: {told}")
    for what, protocol in record["protocol"].items():
        print(f"{what}: {protocol['name']}")


def table_of(figures: Mapping[str, Mapping[str, Any]], title: str) -> Any:
    """A rich table: a row a candidate, a column a figure, each with its 95 % interval."""
    from rich.table import Table

    names = list(next(iter(figures.values())))
    ways = {name: entry["better"] for name, entry in next(iter(figures.values())).items()}
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(f"{_heading(name)}\n({ARROWS[ways[name]]})", justify="right")
    for candidate, entries in figures.items():
        table.add_row(candidate, *(_cell(entries[name]) for name in names))
    return table


def _heading(figure: str) -> str:
    return HEADINGS.get(figure) or title_case(figure)


def _cell(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return "–"
    if entry["low"] is None or entry["high"] is None:
        return number(entry["value"])
    return f"{number(entry['value'])}\n{number(entry['low'])} to {number(entry['high'])}"


def _is_sure(entry: Mapping[str, Any]) -> bool:
    """Whether 0 is not in the interval."""
    return entry["low"] is not None and entry["high"] is not None and not entry["low"] <= 0 <= entry["high"]


def _print(table: Any) -> None:
    from rich.console import Console

    Console(width=None if Console().is_terminal else 120, highlight=False).print(table)
