"""`nablagan data`: what a data set holds, as a table and a picture."""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nablagan.cli.display import data_progress
from nablagan.cli.options import add_data_arguments

LAYOUTS = ("images", "pairs", "domains", "masked")
HELP = "look at a data set before training: counts, classes, duplicates, bad files, a contact sheet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "data",
        nargs="?",
        default="builtin:digits",
        help="builtin:NAME, folder, .zip, .npy, .npz or IDX files, or edges: and one of these",
    )
    add_data_arguments(parser)
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="images",
        help="images (folders are classes), pairs (A and B by name, side by side, .csv), domains (A and B, unpaired), "
        "masked (images and masks)",
    )
    parser.add_argument("--out", metavar="DIR", help="where contact-sheet.png goes (default: below the cache)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n  nablagan data builtin:digits --out .\n  nablagan data photos/ --resolution 64 --json\n"
        "  nablagan data builtin:glyphs --out .\n"
        "  nablagan data maps/ --layout pairs --out ."
    )


def run(arguments: argparse.Namespace) -> int:
    """Open, audit, draw, print; 0. InputError goes to the caller."""
    from nablagan.data import audit, contact_sheet

    with data_progress(quiet=arguments.json) as progress:
        dataset = _opener(arguments.layout)(
            arguments.data,
            resolution=arguments.resolution,
            channels=arguments.channels,
            fit=arguments.fit,
            cache=arguments.cache,
            limit_bad=arguments.limit_bad,
            progress=progress,
        )
    report = audit(dataset)
    report["contact_sheet"] = _write_sheet(contact_sheet(dataset), arguments, dataset.fingerprint)
    if arguments.json:
        import json

        print(json.dumps(report, indent=2))
    else:
        _print_table(report)
    return 0


def _opener(layout: str) -> Callable[..., Any]:
    from nablagan.data import open_dataset, open_masked, open_pairs

    openers = (open_dataset, open_pairs, partial(open_pairs, paired=False), open_masked)
    return openers[LAYOUTS.index(layout)]


def _write_sheet(sheet: Any, arguments: argparse.Namespace, fingerprint: str) -> str:
    from io import BytesIO
    from pathlib import Path

    from nablagan.data.cache import cache_directory
    from nablagan.data.files import write_bytes
    from nablagan.types import InputError

    below_cache = cache_directory(arguments.cache) / "contact-sheets" / fingerprint[:16]
    path = (Path(arguments.out) if arguments.out else below_cache) / "contact-sheet.png"
    stream = BytesIO()
    sheet.save(stream, "PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, stream.getvalue())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place with --out DIR") from error
    return str(path)


def _print_table(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from nablagan.data.listing import printable

    table = Table(title=escape(f"{report['name']}: {report['count']:,} {report['kind']}"), show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _lines(report):
        table.add_row(escape(name), escape(printable(value)))
    console = Console()
    console.print(table)
    for warning in report["warnings"]:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    console.print(f"contact sheet: {escape(report['contact_sheet'])}", soft_wrap=True, highlight=False)


def _lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Rows of the table: what there is to say, in words."""
    policy = report["policy"]
    yield "source", report["source"]
    if "split" in report:
        yield "split", report["split"]
    yield "shape", " x ".join(map(str, report["shape"]))
    if "source_shape" in report:
        kind = "a source for each sample" if report["is_paired"] else "not paired"
        yield "sources", f"{report['source_count']:,} of {' x '.join(map(str, report['source_shape']))}, {kind}"
    if "mask_count" in report:
        yield "masks", f"{report['mask_count']:,}"
    if policy:
        yield "fit", f"{policy['fit']} ({policy['reason']})"
        yield "sizes found", _counts(report["sizes"])
    if report["class_counts"]:
        yield f"{len(report['classes'])} classes", _counts(report["class_counts"])
    yield "mean", ", ".join(f"{value:.3f}" for value in report["mean"])
    yield "standard deviation", ", ".join(f"{value:.3f}" for value in report["standard_deviation"])
    yield "exact copies", str(report["duplicates"]["count"])
    if policy:
        yield "nearly one shade", str(report["near_constant"]["count"])
    for title in ("converted", "ignored"):
        if report[title]:
            yield title, _counts(report[title])
    for reason, names in report["bad"].items():
        yield f"bad: {reason}", f"{len(names)}: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    yield "fingerprint", report["fingerprint"]


def _counts(counts: dict[str, int], most: int = 24) -> str:
    shown = ", ".join(f"{name}: {count:,}" for name, count in list(counts.items())[:most])
    return shown + (f", and {len(counts) - most} more" if len(counts) > most else "")
