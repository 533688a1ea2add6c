"""`nablagan explain`: what a trained generator does along directions of its latent space."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import checkpoint_of

if TYPE_CHECKING:
    from nablagan.cli.directions import Request
    from nablagan.cli.explanation import Progress

HELP = "show what the generator does along directions of its latent space: strips of images, derivatives, numbers"
EPILOG = """examples:
  nablagan explain runs/00001-digits-strided
  nablagan explain runs/00001-digits-strided --class 3 --count 6 --seed 1
  nablagan explain runs/00001-digits-strided --checkpoint checkpoints/images-000064000 --out early --json

Directions: the most and least sensitive ones (singular vectors of the generator's Jacobian, at one latent and averaged
over --samples), GANSpace's and SeFa's. Pictures and explain.json go to RUN/explanation, and the report shows them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that `nablagan train` wrote")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="a checkpoint of the run (default the newest)")
    parser.add_argument("--class", dest="class_", metavar="C", help="name or index of one class (default: in turn)")
    parser.add_argument("--count", type=int, default=4, metavar="K", help="directions of each kind (default 4)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the latents (default 0)")
    parser.add_argument("--samples", type=int, default=32, metavar="N", help="latents averaged over (default 32)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default RUN/explanation; the report stays)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(arguments: argparse.Namespace) -> int:
    """Restore, find, draw, tell; 0. InputError goes to the caller."""
    from nablagan.cli.explanation import explain
    from nablagan.types import InputError

    request = _request(arguments)
    out = arguments.out or arguments.run / "explanation"
    try:
        with _progress(arguments.json) as progress:
            content = explain(request, out, progress)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}; choose another --out") from error
    report = None
    if arguments.out is None:
        from nablagan.report import write_report

        report = write_report(arguments.run)
    _tell(arguments, content, out, report)
    return 0


def _request(arguments: argparse.Namespace) -> "Request":
    from nablagan.cli.directions import Request
    from nablagan.cli.sample import class_index
    from nablagan.training.restore import load_generator

    checkpoint = arguments.checkpoint and checkpoint_of(arguments.run, arguments.checkpoint)
    trained = load_generator(arguments.run, checkpoint)
    label = None if arguments.class_ is None else class_index(trained, arguments.class_)
    return Request(trained, arguments.count, arguments.seed, arguments.samples, label)


@contextmanager
def _progress(quiet: bool) -> "Iterator[Progress]":
    """A bar where people watch standard error, else a line for each part; nothing for programs."""
    from nablagan.cli.display import data_progress, is_watched

    with data_progress(quiet) as bar:

        def show(done: int, total: int, text: str) -> None:
            if bar:
                bar(done, total, "explaining")
            elif not quiet and not is_watched() and sys.stderr is not None and done < total:
                print(f"{done + 1}/{total} {text}", file=sys.stderr, flush=True)

        yield show


def _tell(arguments: argparse.Namespace, content: dict[str, Any], out: Path, report: Path | None) -> None:
    if arguments.json:
        import json

        print(json.dumps({"out": str(out), "report": None if report is None else str(report)} | content))
        return
    for group in content["groups"]:
        numbers = ", ".join(group["rows"]) if group["values"] else f"{len(group['rows'])} samples"
        print(f"{group['title'] + ':':<36} {numbers:<34} {out / group['file']}")
    for name, reason in content["left_out"].items():
        print(f"{name} is left out: {reason}")
    length = content["path_length"]
    print(f"path length: {length['mean']:.4g} ± {length['standard_error']:.2g} ({length['distance']}, per unit² of t)")
    numbers = sorted(x for x in content["condition_numbers"] if x is not None)
    if numbers:
        print(
            f"condition number of the Jacobian: {numbers[len(numbers) // 2]:.3g}, the middle of {len(numbers)} latents"
        )
    print(f"report: {report}" if report else f"numbers: {out / 'explain.json'}")
