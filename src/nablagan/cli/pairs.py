"""`nablagan evaluate` of a run that starts from images, and how pairs are told: a row a candidate, a table a group."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import choices_of
from nablagan.report.words import WAYS, figure_name, number

if TYPE_CHECKING:
    from nablagan.evaluation.opening import Wish


def starts_from_images(run: Path) -> bool:
    """Whether a path is that of a run that translates or completes."""
    from nablagan.evaluation.opening import is_run
    from nablagan.training.restore import read_config

    return is_run(run) and not read_config(run).task.generates


def evaluate_pairs(run: Path, wish: "Wish", arguments: argparse.Namespace) -> None:
    """Judge the run on held-out pairs, with baselines; write RUN/pairs/ and the report (or --out), and tell."""
    from nablagan.cli.display import data_progress
    from nablagan.evaluation.files import write_pairs
    from nablagan.evaluation.opening import open_pair_judge
    from nablagan.evaluation.pair_run import pairs_of_run
    from nablagan.report import read_run, write_page
    from nablagan.training.engine import engine
    from nablagan.types import InputError

    with engine(arguments.device) as here, data_progress(quiet=arguments.json) as progress:
        chosen = (arguments.extractor, arguments.weights, choices_of(arguments.choose))
        found = pairs_of_run(run, wish, open_pair_judge(*chosen, here.device), here.device, progress)
    try:
        files = write_pairs(arguments.out, run, found)
    except OSError as error:
        raise InputError(f"cannot write the record: {error.strerror}; choose another --out") from error
    if not arguments.out:
        files.append(write_page(read_run(run)))
    if arguments.json:
        print(json.dumps(found.record | {"files": [str(path) for path in files]}))
        return
    tell_pairs(found.record)
    for path in files:
        print(path)


def tell_pairs(record: Mapping[str, Any]) -> None:
    """The tables of a record of `evaluation.pairs.pair_record`, and what the figures were taken on."""
    where = ", L1, PSNR and SSIM over the missing pixels" if record["masked"] else ""
    _print(table_of(record["figures"], f"{record['count']:,} pairs{where}"))
    for group, content in record["groups"].items():
        _print(table_of(content["figures"], f"{group}: {content['count']:,} pairs"))
    for name, figures in record["differences"].items():
        surely = [figure_name(figure) for figure, entry in figures.items() if _is_sure(entry)]
        told = ", ".join(surely) or "nothing"
        print(f"{record['first']} and {name} differ for certain in: {told}")
    for name, shares in record.get("nearness", {}).items():
        print(f"nearer to its counterpart by {figure_name(name)}: {_shares(shares)}")
    for name, why in record.get("baselines_missing", {}).items():
        print(f"left out: {name} ({why})")
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
        table.add_column(f"{figure_name(name)}\n({WAYS[ways[name]]})", justify="right")
    for candidate, entries in figures.items():
        table.add_row(candidate, *(_cell(entries[name]) for name in names))
    return table


def _cell(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return "–"
    if entry["low"] is None or entry["high"] is None:
        return number(entry["value"])
    return f"{number(entry['value'])}\n{number(entry['low'])} to {number(entry['high'])}"


def _shares(shares: Mapping[str, Any]) -> str:
    words = {"than_input": "than the input", "than_random": "than another target", "than_both": "than both"}
    return ", ".join(f"{shares[key]['value']:.1%} {word}" for key, word in words.items())


def _is_sure(entry: Mapping[str, Any]) -> bool:
    """Whether 0 is not in the interval."""
    return entry["low"] is not None and entry["high"] is not None and not entry["low"] <= 0 <= entry["high"]


def _print(table: Any) -> None:
    from rich.console import Console

    Console(width=None if Console().is_terminal else 120, highlight=False).print(table)
