"""`nablagan compare`: our default, other GANs and other methods on the same data within the same budget."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.choices import count
from nablagan.cli.options import add_data_arguments

if TYPE_CHECKING:
    from nablagan.comparison.budget import Budget
    from nablagan.comparison.running import Cell
    from nablagan.comparison.settings import Settings
    from nablagan.data import Dataset
    from nablagan.training.engine import Engine
    from nablagan.training.run import DataSettings

HELP = "train GANs, a VAE, flow matching and DDPM alike on your data, and measure all of them"
EPILOG = """examples:
  nablagan compare                                        digits, 90 seconds each, 3 seeds: about an hour
  nablagan compare --data fashion-mnist/ --resolution 32 --out comparison
  nablagan compare --only default,vae,ddpm --seconds 300
  nablagan compare --evaluations 200k                     equal work in place of equal time
  nablagan compare --out comparison ...                   the same command again goes on where it stopped

All nets have as many parameters as the default's (within 10 %). Training stops at the seconds (5 % more at most);
timing the first steps, sampling and measuring come on top. --only and --seeds may change from command to command."""
SECONDS, SEEDS, COUNT = 90.0, 3, 5000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("--data", default="builtin:digits", help="builtin:NAME, folder, .zip, .npy, .npz or IDX files")
    parser.add_argument("--against", metavar="DATA", help="real images to measure against (default: the test part)")
    parser.add_argument("--out", type=Path, default=Path("comparison"), metavar="DIR", help="default comparison")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--seconds", type=float, default=SECONDS, metavar="S", help="of training for each (default 90)")
    budget.add_argument(
        "--evaluations", type=count, metavar="N", help="gradients of one player for one image, in place of seconds"
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="what seconds are: wall (default), or cpu on a busy machine",
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="K", help="trainings of each (default 3)")
    parser.add_argument("--only", metavar="NAMES", help="some candidates, such as default,vae")
    parser.add_argument("--count", type=count, default=COUNT, metavar="N", help="samples of each (default 5000)")
    parser.add_argument("--extractor", metavar="NAME", help="what sees the samples (default efficientnet_lite0)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the extractor's, where it needs a file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as Markdown too")
    parser.add_argument("--threads", type=int, metavar="N", help="of a process (default torch's own choice)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--train-only", action="store_true", help="leave the samples to be measured by a later command")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    add_data_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train what is missing, measure, write comparison.json and report.html; 0, or 3 if all candidates failed."""
    from nablagan.cli.display import data_progress
    from nablagan.comparison.candidates import chosen
    from nablagan.comparison.finishing import compared
    from nablagan.comparison.measuring import check_count
    from nablagan.comparison.running import cells
    from nablagan.evaluation.opening import open_judge
    from nablagan.training.engine import engine
    from nablagan.types import InputError

    candidates = chosen(arguments.only.split(",") if arguments.only else None)
    if arguments.seeds < 1:
        raise InputError(f"--seeds is {arguments.seeds}: give a number >= 1")
    budget = _budget(arguments)
    _set_threads(arguments.threads)
    with engine(arguments.device) as here, data_progress(quiet=arguments.json) as progress:
        data = _data_settings(arguments)
        settings = _settings(arguments, data, budget, here, progress)
        wanted = cells(candidates, arguments.seeds, arguments.out)
        if arguments.train_only:
            _train(settings, data, here, wanted, progress, arguments)
            return _after_training(wanted, arguments)
        check_count(settings.count)  # this, and what is wrong with the extractor, is told before an hour of training
        judge = open_judge(True, arguments.extractor, arguments.weights, {}, here.device, arguments.cache, progress)
        _train(settings, data, here, wanted, progress, arguments)
        content = compared(settings, wanted, judge, arguments.out)
    return _tell(content, arguments)


def _budget(arguments: argparse.Namespace) -> "Budget":
    from nablagan.comparison.budget import Evaluations, Seconds

    if arguments.evaluations is not None:
        return Evaluations(arguments.evaluations, arguments.clock)
    return Seconds(arguments.seconds, arguments.clock)


def _set_threads(threads: int | None) -> None:
    import torch

    from nablagan.types import InputError

    if threads is not None and threads < 1:
        raise InputError(f"--threads is {threads}: give a number >= 1")
    if threads is not None:
        torch.set_num_threads(threads)


def _data_settings(arguments: argparse.Namespace) -> "DataSettings":
    from nablagan.training.run import DataSettings

    asked = arguments.resolution
    size = (asked, asked) if isinstance(asked, int) else asked
    return DataSettings(arguments.data, size, arguments.channels, arguments.fit, arguments.limit_bad)


def _settings(
    arguments: argparse.Namespace,
    data: "DataSettings",
    budget: "Budget",
    here: "Engine",
    progress: Callable[[int, int, str], None] | None,
) -> "Settings":
    """What is compared, written to the directory or found to be the same there."""
    import torch

    from nablagan.comparison.held_out import split
    from nablagan.comparison.settings import Settings, begin
    from nablagan.evaluation.counterparts import counterpart
    from nablagan.training.environment import describe_environment
    from nablagan.training.files import write_json

    def opened(source: str) -> "Dataset":
        from nablagan.data import open_dataset

        return open_dataset(source, data.resolution, data.channels, data.fit, arguments.cache, data.limit_bad, progress)

    source = arguments.against or counterpart(data.source)
    training, held_out = split(opened(data.source), opened(source) if source else None)
    count = min(arguments.count, len(held_out))
    settings = Settings(training, held_out, budget, count, torch.get_num_threads(), here.device.type)
    begin(settings, arguments.out)
    write_json(arguments.out / "environment.json", describe_environment(here))
    return settings


def _train(
    settings: "Settings",
    data: "DataSettings",
    here: "Engine",
    wanted: list["Cell"],
    progress: Callable[[int, int, str], None] | None,
    arguments: argparse.Namespace,
) -> None:
    """Train, a line for each candidate and seed."""
    from nablagan.comparison.running import train_all
    from nablagan.comparison.trainees import Task

    def task(seed: int) -> Task:
        return Task(data, settings.training, here, seed)

    for cell, record in train_all(wanted, task, settings.budget, settings.count, progress):
        if not arguments.json:
            print(_line(cell, record), file=sys.stderr, flush=True)


def _after_training(wanted: list["Cell"], arguments: argparse.Namespace) -> int:
    """Say what there is; 3 if all failed."""
    records = [record for cell in wanted if (record := cell.record())]
    done = [record for record in records if record["status"] == "done"]
    if arguments.json:
        print(json.dumps({"directory": str(arguments.out), "trained": records}))
    else:
        print(f"{len(done)} of {len(records)} trained; the same command without --train-only measures them")
    return 0 if done else 3


def _tell(content: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Draw the page, print the table; 3 if all candidates failed."""
    from nablagan.report.comparison import markdown, write_comparison
    from nablagan.types import InputError

    page = write_comparison(arguments.out)
    if arguments.markdown:
        try:
            arguments.markdown.write_text(markdown(content), encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"cannot write {arguments.markdown}: {error.strerror}; choose another --markdown"
            ) from error
    if arguments.json:
        print(json.dumps(content))
    else:
        print(markdown(content), end="")
        print(f"report: {page}")
    return 0 if any(row["seeds"] for row in content["rows"]) else 3


def _line(cell: "Cell", record: dict[str, Any]) -> str:
    name = f"{cell.candidate.name}, seed {cell.seed}"
    if record["status"] == "failed":
        return f"{name}: failed: {record['reason']}"
    spent = f"{record['seconds']:.1f} s of training, {record['images']:,} images, {record['steps']:,} steps"
    return f"{name}: {spent}, {record['parameters']:,} parameters"
