"""`nablagan evaluate`: how good and how diverse samples are, whether they are copies, and with what certainty."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import (
    DEFAULT_EXTRACTOR,
    add_data_arguments,
    add_extractor_arguments,
    checkpoint_of,
    choices_of,
)

if TYPE_CHECKING:
    from nablagan.data.source import Progress
    from nablagan.evaluation.evaluate import Evaluation
    from nablagan.evaluation.opening import Sides, Wish
    from nablagan.training.engine import Engine

HELP = "measure samples against real data: distances, diversity, copies, each with an interval"
EPILOG = """examples:
  nablagan evaluate runs/00001-digits-strided                  against held-out data where they are known
  nablagan evaluate runs/00001-digits-strided --checkpoint best --count 1000
  nablagan evaluate runs/photos --against held-out/            your own held-out images
  nablagan evaluate runs/00002-edges-translate                 outputs against truths, and baselines beside them
  nablagan evaluate samples/ --against photos/ --train photos/ any folder, .zip, .npy or .npz
  nablagan evaluate first.json second.json                     two evaluations side by side, if they are comparable
  nablagan evaluate --extractor fid-inception --where          which weights that needs, and where they are
  nablagan evaluate runs/photos --extractor fid-inception --weights pt_inception-2015-12-05-6726825d.pth

The same command gives the same record but for times. A run's record goes to RUN/evaluations/ and into its report.
docs/evaluate.md says how each figure is read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument(
        "what", nargs="*", metavar="RUN|FOLDER|ARRAY", help="what is judged; or two records, A.json B.json"
    )
    parser.add_argument("--against", metavar="DATA", help="real data (of a run: held-out data if known, else its own)")
    parser.add_argument("--train", metavar="DATA", help="training data, among which copies are sought (a run's: known)")
    parser.add_argument(
        "--count", type=int, metavar="N", help="samples on each side (default: all real ones, at most 10,000)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of latents and choices (default 0)")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="of the run, or best (default the newest)")
    parser.add_argument("--ema", type=int, metavar="N", help="which average, by half-life in images")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the record (of a run: RUN/evaluations/...json)")
    parser.add_argument("--json", action="store_true", help="print the record as JSON for programs")
    add_extractor_arguments(parser.add_argument_group("what sees the images"))
    parser.add_argument("--where", action="store_true", help="say which weights the extractor needs, and stop")
    add_data_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, write, tell; 0. InputError goes to the caller."""
    from nablagan.cli.pairs import evaluate_pairs, starts_from_images
    from nablagan.types import InputError

    if arguments.where:
        from nablagan.metrics.extractors import where

        print(where(arguments.extractor or DEFAULT_EXTRACTOR))
        return 0
    given = [Path(word) for word in arguments.what]
    if len(given) == 2 and all(path.suffix == ".json" for path in given):
        return _compare(given[0], given[1], arguments.json)
    if len(given) != 1:
        raise InputError("give one run, folder or array to evaluate, or two records (A.json B.json) to compare")
    what = arguments.what[0]
    if starts_from_images(Path(what)):
        evaluate_pairs(Path(what), _wish(what, arguments), arguments)
    else:
        _evaluate(what, arguments)
    return 0


def _evaluate(what: str, arguments: argparse.Namespace) -> None:
    from nablagan.cli.display import data_progress
    from nablagan.cli.evaluation import tell
    from nablagan.evaluation.evaluate import evaluate
    from nablagan.evaluation.opening import is_run, open_judge
    from nablagan.training.engine import engine

    with engine(arguments.device) as here, data_progress(quiet=arguments.json) as progress:
        chosen = (arguments.extractor, arguments.weights, choices_of(arguments.choose))
        opened = partial(open_judge, device=here.device, cache=arguments.cache, progress=progress)
        if any(chosen):  # what is wrong with them is told before samples are made
            opened(True, *chosen)
        sides = _sides(what, arguments, here, progress)
        judge = opened(sides.generated.is_images, *chosen)
        found = evaluate(sides.generated, sides.real, judge, arguments.seed, sides.training, sides.notes)
    files = _written(Path(what) if is_run(Path(what)) else None, found, arguments.out)
    if arguments.json:
        print(json.dumps(found.record | {"files": [str(path) for path in files]}))
        return
    tell(found.record)
    for path in files:
        print(path)


def _sides(what: str, arguments: argparse.Namespace, here: "Engine", progress: "Progress | None") -> "Sides":
    from nablagan.evaluation.opening import is_run, sides_of_data, sides_of_run
    from nablagan.types import InputError

    if not is_run(Path(what)):
        if arguments.checkpoint or arguments.ema:
            raise InputError(f"{what} is no run: --checkpoint and --ema choose among a run's generators")
        return sides_of_data(what, _wish(what, arguments), progress)
    if arguments.resolution or arguments.channels or arguments.fit:
        raise InputError(
            "a run's real data come in the shape of its samples: leave --resolution, --channels, --fit out"
        )
    return sides_of_run(Path(what), _wish(what, arguments), here.device, progress)


def _wish(what: str, arguments: argparse.Namespace) -> "Wish":
    from nablagan.evaluation.opening import Wish
    from nablagan.types import InputError

    for name, value, least in (("--count", arguments.count, 2), ("--seed", arguments.seed, 0)):
        if value is not None and value < least:
            raise InputError(f"{name} is {value}: give a number >= {least}")
    return Wish(
        arguments.against,
        arguments.train,
        arguments.count,
        arguments.seed,
        arguments.checkpoint and checkpoint_of(Path(what), arguments.checkpoint),
        arguments.ema,
        arguments.resolution,
        arguments.channels,
        arguments.fit,
        arguments.cache,
        arguments.limit_bad,
    )


def _written(run: Path | None, found: "Evaluation", out: Path | None) -> list[Path]:
    """The files of an evaluation: none where neither a run nor --out says where."""
    from nablagan.evaluation.files import place_in_run, write_evaluation
    from nablagan.report import read_run, write_page
    from nablagan.types import InputError

    path = out or (place_in_run(run, found.record) if run else None)
    if path is None:
        return []
    try:
        files = write_evaluation(path, found)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another --out") from error
    return [*files, write_page(read_run(run))] if run and not out else files


def _compare(first: Path, second: Path, as_json: bool) -> int:
    from nablagan.cli.evaluation import tell_comparison
    from nablagan.evaluation.records import check_comparable, read_record

    left, right = read_record(first), read_record(second)
    check_comparable(left, right)
    if as_json:
        both: dict[str, Any] = {"first": left["metrics"], "second": right["metrics"]}
        print(json.dumps(both))
        return 0
    tell_comparison(left, right, first.name, second.name)
    return 0
