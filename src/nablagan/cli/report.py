"""`nablagan report`: draw the HTML report of a run directory."""

import argparse
import sys
from pathlib import Path

HELP = "draw the report of a run: one HTML file, whatever the run's state"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("run", type=Path, help="the directory that `nablagan train` wrote", metavar="RUN")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the page goes (default RUN/report.html)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n  nablagan report runs/00001-digits\n  nablagan report runs/00001-digits --out page.html"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, draw, print where the page is; 0. InputError goes to the caller."""
    from nablagan.report import read_run, write_page

    record = read_run(arguments.run)
    path = write_page(record, arguments.out)
    if arguments.json:
        import json

        content = {"report": str(path), "status": record.status, "images_seen": record.images_seen}
        print(json.dumps({**content, "problems": record.problems}, indent=2))
        return 0
    for problem in record.problems:
        print(f"note: {problem}", file=sys.stderr)
    print(f"report: {path}")
    return 0
