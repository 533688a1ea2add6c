"""`nablagan train`: train a GAN in a run directory, or go on with one, and write its report."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.choices import add_recipe_arguments, count, options_of
from nablagan.cli.evaluating import add_evaluation_arguments, evaluating_of
from nablagan.cli.options import add_data_arguments, named

if TYPE_CHECKING:
    from nablagan.data import Dataset
    from nablagan.recipes import Options
    from nablagan.report import RunRecord
    from nablagan.training.engine import Engine
    from nablagan.training.run import DataSettings, Run
    from nablagan.training.session import Result

HELP = "train a generator and a discriminator, and write a report of what happened"
GENERATION = ("default", "strided", "r3gan", "points", "dcgan", "wgan_gp", "hinge_spectral")
TRANSLATION = ("translate", "pix2pix", "cyclegan", "cut", "regression")
COMPLETION = ("complete", "filling")
RECIPES = (*GENERATION, *TRANSLATION, *COMPLETION)
EPILOG = """recipes:
  default   points for 2-D points; for images strided on a CPU, r3gan on a GPU
  strided   plain strided convolutions with the R3GAN objective: the most after equal time on a CPU
  r3gan     R3GAN as published: residual grouped convolutions, all schedules
  points    multilayer players for builtin:ring, builtin:grid and your own (N, 2) arrays
  dcgan, wgan_gp, hinge_spectral   what others publish, to compare with (nablagan compare)
  translate   images to images, in pairs or (--unpaired) between two sets (docs/translation.md)
  pix2pix, cyclegan, cut, regression   what others publish, and no adversary at all, to compare with
  complete    images with holes to whole images (docs/completion.md); filling: the same without an adversary

examples:
  nablagan train                                       real digits, three minutes on two cores
  nablagan train --data photos/ --resolution 64        a folder of images, one class or a folder each
  nablagan train --data photos/ --gamma auto           the penalties' weight sets itself (docs/gamma.md)
  nablagan train --data train-images-idx3-ubyte.gz --unconditional --images 300k
  nablagan train r3gan --data photos.zip --images 5M --device cuda --out runs/photos
  nablagan train translate --data builtin:glyphs       letters without serifs to letters with
  nablagan train translate --data maps/ --unpaired     folders maps/A and maps/B, in no order
  nablagan train complete --data photos/ --resolution 64
  nablagan train --out runs/photos ...                 the same command again goes on where it stopped
  nablagan train --evaluate-every 50k --best coverage  measure the samples meanwhile and keep the best checkpoint
  nablagan train --init-from runs/photos --data more/  a new run that begins with the players of another
  torchrun --nproc_per_node=2 -m nablagan train --out runs/two"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("recipe", nargs="?", default="default", metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("--data", default="builtin:digits", help="builtin:NAME, folder, .zip, .npy, .npz or IDX files")
    pairs = parser.add_mutually_exclusive_group()
    pairs.add_argument("--paired", action="store_true", help="translate in pairs (default where the data have them)")
    pairs.add_argument("--unpaired", action="store_true", help="translate between two sets in no order")
    parser.add_argument(
        "--split", metavar="NAME", help="which folders to take where there are several: train (default), val, test"
    )
    parser.add_argument("--reverse", action="store_true", help="translate from B to A")
    parser.add_argument(
        "--source-channels",
        type=int,
        metavar="N",
        help="grey (1) or RGB (3) images to translate (default: as they are)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory (default runs/NNNNN-DATA-RECIPE, new)")
    parser.add_argument("--images", type=count, metavar="N", help="images to train for, such as 200000, 200k or 5M")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop after so many seconds in all; the run can go on"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of weights, noise and data order (default 0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved run, parameters and expected time")
    parser.add_argument(
        "--on-trouble",
        choices=("advise", "stop", "rollback"),
        default="advise",
        help="when the doctor finds something: say so (default), stop with exit code 3, or go back and on otherwise",
    )
    parser.add_argument("--tensorboard", action="store_true", help="write RUN/tensorboard as well (needs tensorboard)")
    parser.add_argument("--init-from", type=Path, metavar="RUN", help="begin with the players of a run or checkpoint")
    parser.add_argument(
        "--no-derivative-check",
        dest="check_derivatives",
        action="store_false",
        help="begin without comparing the gradients with differences",
    )
    parser.add_argument("--accept-changed-data", action="store_true", help="go on although the data have changed")
    parser.add_argument("--json", action="store_true", help="print the result as JSON for programs")
    add_data_arguments(parser)
    add_evaluation_arguments(parser.add_argument_group("evaluation while training (docs/evaluate.md)"))
    add_recipe_arguments(parser.add_argument_group("instead of the recipe's own numbers"))


def run(arguments: argparse.Namespace) -> int:
    """Resolve the run, train it, write the report; 0, 3 after divergence, 128 + a signal's number after one."""
    from nablagan.cli import display
    from nablagan.training.engine import engine
    from nablagan.training.opening import open_data
    from nablagan.training.restore import as_begun
    from nablagan.types import InputError

    options = options_of(arguments)
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise InputError(f"--seconds is {arguments.seconds}: give a number above 0")
    with engine(arguments.device) as here:
        data = _data_settings(arguments)
        with display.data_progress(quiet=arguments.json or not here.leads) as progress:
            dataset = open_data(data, arguments.cache, progress)
        resolved = _resolved(arguments.recipe, dataset, data, options, here)
        if arguments.dry_run:
            from nablagan.cli.dry_run import show_dry_run

            show_dry_run(resolved, dataset, here, arguments.json)
            return 0
        directory = arguments.out or next_directory(Path("runs"), dataset.name, resolved.recipe)
        resolved = as_begun(resolved, directory)
        here.wait()
        return _train(resolved, directory, dataset, here, arguments)


def _train(run: "Run", directory: Path, dataset: "Dataset", here: "Engine", arguments: argparse.Namespace) -> int:
    from nablagan.cli import display
    from nablagan.training.engine import LeaderFailed
    from nablagan.training.session import Limits, OnTrouble, train
    from nablagan.training.tensorboard import TensorBoard

    board = [TensorBoard(directory)] if arguments.tensorboard else []  # in every process: all miss the package or none
    show = display.training_display(run, directory, quiet=arguments.json or not here.leads)
    try:
        with display.data_progress(quiet=arguments.json or not here.leads) as progress:
            evaluating = evaluating_of(arguments, run, dataset, here, progress)
        with show:
            result = train(
                run,
                directory,
                dataset,
                here,
                Limits(arguments.seconds),
                (show.event, *board),
                show.step,
                arguments.accept_changed_data,
                arguments.init_from,
                arguments.check_derivatives,
                OnTrouble(arguments.on_trouble),
                evaluating,
            )
    except LeaderFailed:  # it has told why; this process has nothing to add
        return 2
    finally:
        for listener in board:
            listener.close()
    if here.leads:
        _tell(result, directory, arguments.json)
    if result.signal:
        return 128 + result.signal
    return 3 if result.status == "failed" or result.trouble else 0


def _tell(result: "Result", directory: Path, as_json: bool) -> None:
    """Write the report and say where it is."""
    from nablagan.report import evaluations_told, probes_share, read_run, standing, verdict, write_page

    record = read_run(directory)
    page, cost = write_page(record), probes_share(record)
    if as_json:
        import json

        content = {"directory": str(directory), "report": str(page), "status": result.status, "reason": result.reason}
        content |= {"probes_share": cost, "findings": [found["disease"] for found in standing(record)]}
        print(json.dumps(content | {"images_seen": result.images_seen}))
        return
    if result.status == "failed":
        remedy = "" if record.of_kind("finding") else "; lower --learning-rate or raise --gamma, with another --out"
        print(f"nablagan: training failed: {result.reason}{remedy}", file=sys.stderr)
    reason = f" ({result.reason})" if result.reason and result.status != "failed" else ""
    print(f"{result.status} at {result.images_seen:,} images{reason}")
    if cost is not None:
        print(f"probes: {100 * cost:.1f} % of the training time; {verdict(record)}")
    if told := evaluations_told(record):
        print(told)
    print(f"report: {page}")
    print(f"next:   {_next(record, shlex.quote(str(directory)))}")


def _next(record: "RunRecord", directory: str) -> str:
    """What one would do with the run."""
    if record.get("config", "masks"):
        return f"nablagan complete {directory} IMAGE --mask MASK --out completed.png"
    if record.get("config", "generator", "options", "source_shape"):
        return f"nablagan translate {directory} IMAGES --out translated"
    return f"nablagan sample {directory} --count 64 --out samples"


def _data_settings(arguments: argparse.Namespace) -> "DataSettings":
    from nablagan.training.run import DataSettings

    asked = arguments.resolution
    size = (asked, asked) if isinstance(asked, int) else asked
    opener, options = _opener(arguments)
    return DataSettings(
        arguments.data,
        size,
        arguments.channels,
        arguments.fit,
        arguments.limit_bad,
        opener,
        options,
        arguments.reverse,
    )


def _opener(arguments: argparse.Namespace) -> "tuple[Callable[..., Dataset], dict[str, Any]]":
    """What opens the data that the recipe needs, and how. InputError for choices that are for translation only."""
    from nablagan.data import open_dataset, open_masked, open_pairs
    from nablagan.types import InputError

    split = {"split": arguments.split} if arguments.split else {}
    if arguments.recipe in TRANSLATION:
        channels = arguments.source_channels
        channels = {"source_channels": channels} if channels else {}
        return open_pairs, {"paired": not arguments.unpaired} | channels | split
    if arguments.paired or arguments.unpaired or arguments.reverse or arguments.source_channels:
        raise InputError(
            f"--paired, --unpaired, --reverse and --source-channels are for {', '.join(TRANSLATION)}, "
            f"not for recipe {arguments.recipe}"
        )
    if arguments.recipe in COMPLETION:
        return open_masked, split
    if split:
        raise InputError(f"--split is for {', '.join((*TRANSLATION, *COMPLETION))}: give --data the folder itself")
    return open_dataset, {}


def _resolved(name: str, dataset: "Dataset", data: "DataSettings", options: "Options", here: "Engine") -> "Run":
    from nablagan import recipes
    from nablagan.training.engine import has_fast_bfloat16

    recipe = named(recipes, RECIPES, name, "recipe")
    if name in GENERATION:
        recipes.refuse_choices(options, name, (*recipes.OF_IMAGES, *recipes.OF_HOLES))
    elif name in TRANSLATION:
        recipes.refuse_choices(options, name, recipes.OF_HOLES)
    fast = has_fast_bfloat16(here.device)
    return recipe(recipes.facts_of(dataset, data, here.device.type, fast), options)


def next_directory(parent: Path, data: str, recipe: str) -> Path:
    """parent/NNNNN-DATA-RECIPE with the next free number."""
    taken = [int(p.name[:5]) for p in parent.glob("[0-9][0-9][0-9][0-9][0-9]-*")] if parent.is_dir() else []
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in data)
    return parent / f"{max(taken, default=0) + 1:05d}-{name}-{recipe}"
