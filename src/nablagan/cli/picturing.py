"""What `translate` and `complete` share: options, the trained network, the latents, and how the work is told."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import checkpoint_of

if TYPE_CHECKING:
    from nablagan.imaging.applying import Translator
    from nablagan.imaging.jobs import Account
    from nablagan.imaging.tiles import Tiling

MOST_NOTES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of both verbs."""
    parser.add_argument("--count", type=int, default=1, metavar="K", help="results for each picture (default 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of the latents (default 0)")
    parser.add_argument("--tile", type=int, default=512, metavar="N", help="side of a tile in pixels (default 512)")
    parser.add_argument(
        "--overlap", type=int, default=64, metavar="N", help="pixels that tiles share (default 64): more, less seam"
    )
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="a checkpoint of the run (default the newest)")
    parser.add_argument(
        "--ema", type=int, metavar="N", help="which average, by half-life in images (default the first)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def opened(arguments: argparse.Namespace, device: Any, backwards: bool = False) -> "Translator":
    """The run's trained network. InputError for a run that has none."""
    from nablagan.training.translating import load_translator

    checkpoint = arguments.checkpoint and checkpoint_of(arguments.run, arguments.checkpoint)
    return load_translator(arguments.run, checkpoint, arguments.ema, device, backwards)


def tiling_of(arguments: argparse.Namespace) -> "Tiling":
    """How large pictures are cut. InputError for tiles that are too small."""
    from nablagan.imaging.tiles import Tiling

    return Tiling(arguments.tile, arguments.overlap)


def latents_of(arguments: argparse.Namespace, latent_size: int) -> list[Any]:
    """One latent (1, latent_size) a result, the same for every picture; None where the network has one answer.

    The first ones are the same whatever the count.
    """
    from nablagan.training.sampling import latents
    from nablagan.types import InputError

    if arguments.count < 1 or arguments.seed < 0:
        raise InputError(f"count {arguments.count}, seed {arguments.seed}: give 1 or more, and 0 or more")
    if not latent_size:
        if arguments.count > 1:
            raise InputError("this run has one answer for each picture: leave --count out")
        return [None]
    return [latents(1, latent_size, arguments.seed, counter=index) for index in range(arguments.count)]


def reporters(progress: Any, count: int) -> tuple[Any, Callable[[int], None]]:
    """What is told of tiles, where there is one picture only (None otherwise), and of pictures."""

    def tiles(done: int, total: int) -> None:
        progress(done, total, "tiles")

    def pictures(done: int) -> None:
        if progress:
            progress(done, count, "pictures")

    return (tiles if progress and count == 1 else None), pictures


def tell(arguments: argparse.Namespace, account: "Account") -> int:
    """Print what was written and what was not; 0. InputError, exit code 2, when some files could not be used."""
    if arguments.json:
        import json

        files = [
            {"input": str(each.source), "outputs": [str(path) for path in each.outputs], "notes": list(each.notes)}
            for each in account.written
        ]
        failed = [{"input": str(each.source), "reason": each.reason} for each in account.failed]
        print(json.dumps({"out": str(arguments.out), "files": files, "failed": failed, "seed": arguments.seed}))
    else:
        _tell_people(arguments, account)
    account.check()
    return 0


def _tell_people(arguments: argparse.Namespace, account: "Account") -> None:
    noted = [(each.source, note) for each in account.written for note in each.notes]
    for source, note in noted[:MOST_NOTES]:
        print(f"{source}: {note}", file=sys.stderr)
    if len(noted) > MOST_NOTES:
        print(f"and {len(noted) - MOST_NOTES} notes more (--json has all)", file=sys.stderr)
    outputs = [path for each in account.written for path in each.outputs]
    if outputs:
        print(outputs[0] if len(outputs) == 1 else f"{len(outputs)} pictures in {arguments.out}")
