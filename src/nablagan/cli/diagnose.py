"""`nablagan diagnose`: what the game of a trained run is doing, and what to change."""

import argparse
import sys
from pathlib import Path
from typing import Any

from nablagan.cli.options import checkpoint_of

HELP = "examine a run's checkpoints: spectrum, audit, path, and a verdict in plain words"
EPILOG = """examples:
  nablagan diagnose runs/00001-digits-strided
  nablagan diagnose runs/00001-digits-strided --samples 1024       steadier figures, eight times the time
  nablagan diagnose runs/00002-glyphs-translate --samples 32      rougher and sooner, where batches are small
  nablagan diagnose runs/00001-digits-strided --checkpoint checkpoints/images-000058688
  nablagan diagnose runs/old --data /new/place/photos --json

It looks at the players being trained, not at their averages; nothing is trained and no checkpoint touched.
What it finds goes to RUN/diagnosis/ and into RUN/report.html. docs/diagnose.md says how it is read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that `nablagan train` wrote")
    parser.add_argument(
        "--checkpoint", type=Path, action="append", default=[], metavar="DIR", help="one to examine, repeatable"
    )
    parser.add_argument(
        "--samples", type=int, default=128, metavar="N", help="in two groups of whole batches (default 128)"
    )
    parser.add_argument("--count", type=int, default=6, metavar="K", help="eigenvalues to look for (default 6)")
    parser.add_argument("--data", metavar="PATH", help="where the run's data are now, if not where they were")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(arguments: argparse.Namespace) -> int:
    """Examine, write, tell; 0. InputError goes to the caller."""
    from nablagan.cli.display import work_progress
    from nablagan.diagnosis.running import diagnose, silent
    from nablagan.report import probes_share, read_run, standing, verdict, write_page
    from nablagan.training.engine import engine

    chosen = tuple(checkpoint_of(arguments.run, path) for path in arguments.checkpoint)
    with engine("auto") as here, work_progress(quiet=arguments.json) as progress:
        found = diagnose(
            arguments.run, chosen, here, arguments.samples, arguments.count, arguments.data, progress or silent
        )
    record = read_run(arguments.run)
    page = write_page(record)
    if arguments.json:
        import json

        diseases = [event["disease"] for event in standing(record)]
        print(json.dumps({"report": str(page), "diagnoses": found, "findings": diseases}))
        return 0
    for content in found:
        _tell(content)
    if probes_share(record) is not None:
        print(f"\nWhile it trained, {verdict(record)}.")
    print(f"\nreport: {page}")
    return 0


def _tell(content: dict[str, Any]) -> None:
    """The verdict and its reasons on standard output, what it cost on standard error."""
    verdict = content["verdict"]
    print(f"\nAt {content['images_seen']:,} images: {verdict['title']}")
    for reason in verdict["because"]:
        print(f"  - {reason}")
    samples = [group["samples"] for group in content["groups"]]
    print(f"  sure:   {verdict['sure']} (two groups of {samples[0]} samples)")
    print(f"  advice: {verdict['advice']}")
    if content["command"]:
        print(f"          {content['command']}")
    print(f"({content['time']['seconds']:.0f} s)", file=sys.stderr)
