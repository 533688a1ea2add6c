"""`nablagan verify`: the audit of the founding article, its formulas and code beside the right ones, as a table."""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nablagan.verification import Finding

HELP = "check the calculus: what the founding article says, what is right, and the measured error of each"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of the point and the batch (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n  nablagan verify\n  nablagan verify --seed 1 --json\n\n"
        "exit codes: 0 every corrected statement holds, 1 one does not"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print; 0 if every corrected statement holds, otherwise 1 and the names of those that do not."""
    from nablagan.types import InputError
    from nablagan.verification import audit

    if not 0 <= arguments.seed < 2**63:
        raise InputError(f"the seed is {arguments.seed}: give a whole number from 0 to 2^63 - 1")
    findings = audit(arguments.seed)
    failing = [finding.name for finding in findings if not finding.holds]
    if arguments.json:
        _print_json(findings, failing, arguments.seed)
    else:
        _print_table(findings, arguments.seed)
    if failing:
        print(f"nablagan: {', '.join(failing)}: the corrected statement does not hold", file=sys.stderr)
    return 1 if failing else 0


def _print_json(findings: "list[Finding]", failing: list[str], seed: int) -> None:
    import json
    from math import isfinite

    from nablagan.verification.audit import AUTOGRAD_TOLERANCE, DIFFERENCES_TOLERANCE

    def plain(value: Any) -> Any:
        """JSON has no NaN and no infinity: they are written as text."""
        return str(value) if isinstance(value, float) and not isfinite(value) else value

    content = {
        "holds": not failing,
        "failing": failing,
        "seed": seed,
        "autograd_tolerance": AUTOGRAD_TOLERANCE,
        "differences_tolerance": DIFFERENCES_TOLERANCE,
        "statements": [{key: plain(value) for key, value in finding._asdict().items()} for finding in findings],
    }
    print(json.dumps(content, indent=2, allow_nan=False))


def _print_table(findings: "list[Finding]", seed: int) -> None:
    from io import TextIOWrapper

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Greek letters shows ? for them
    table = Table(title=f"The founding article and what is right: float64, 16 samples, seed {seed}")
    table.add_column("")
    table.add_column("statement", ratio=1, overflow="fold")
    for oracle in ("error by\nautograd", "error by\ndifferences"):
        table.add_column(oracle, justify="right", no_wrap=True)
    for finding in findings:
        lines = list(_lines(finding))
        for number, cells in enumerate(lines, 1):
            table.add_row(*(Text(cell, style) for cell, style in cells), end_section=number == len(lines))
    console = Console()
    console.print(table)
    held = sum(finding.holds for finding in findings)
    console.print(
        f"{held} of {len(findings)} corrected statements hold; the formulas: docs/calculus.md", highlight=False
    )


def _lines(finding: "Finding") -> Iterator[list[tuple[str, str]]]:
    """Up to three rows of (text, style): what the article says, what is right, what else was measured."""
    style = "" if finding.holds else "bold red"
    article = f"article: {finding.article}"
    if finding.measure != "relative error":
        article += f"  [{finding.measure}]"
    errors = [_number(finding.article_error), _number(finding.article_error_by_differences)]
    yield [(finding.name, "bold"), (article, "yellow"), *((error, "yellow") for error in errors)]
    errors = [_number(finding.right_error), _number(finding.right_error_by_differences)]
    verdict = "right" if finding.holds else "DOES NOT HOLD"
    yield [("", ""), (f"{verdict}: {finding.right}", style), *((error, style) for error in errors)]
    if finding.note:
        yield [("", ""), (finding.note, "dim"), ("", ""), ("", "")]


def _number(error: float | None) -> str:
    """Three decimals for what a person compares, a power of ten for rounding, a dash for nothing to measure."""
    if error is None:
        return "-"
    return f"{error:.3f}" if error == 0 or error >= 1e-3 else f"{error:.0e}"
