"""Options of `train` about evaluation while a run is trained, and the plan that they make."""

import argparse
import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.choices import count
from nablagan.cli.options import DEFAULT_EXTRACTOR, choices_of

if TYPE_CHECKING:
    from nablagan.data import Dataset
    from nablagan.data.source import Progress
    from nablagan.training.engine import Engine
    from nablagan.training.evaluating import Evaluating
    from nablagan.training.run import Run

BEST, COUNT, SHARE = "kernel_distance", 1000, 0.1
"""Unless the options say otherwise."""
CHOICES = tuple(f"evaluate_{name}" for name in ("count", "extractor", "weights", "choose", "share"))
"""Options that say how evaluations are made."""


def add_evaluation_arguments(group: Any) -> None:
    """How often, on how many samples, by which extractor, at which cost, and by which metric the best is told."""
    group.add_argument("--evaluate-every", type=count, metavar="N", help="images between evaluations (default: none)")
    group.add_argument("--evaluate-count", type=int, metavar="N", help=f"samples a side (default {COUNT})")
    group.add_argument(
        "--evaluate-extractor", metavar="NAME", help=f"what sees the images (default {DEFAULT_EXTRACTOR})"
    )
    group.add_argument("--evaluate-weights", type=Path, metavar="FILE", help="its weights, where it needs a file")
    group.add_argument(
        "--evaluate-choose", action="append", default=[], metavar="NAME=VALUE", help="a choice of it, such as side=112"
    )
    group.add_argument(
        "--evaluate-share",
        type=float,
        metavar="PART",
        help=f"of the time that evaluations may take; others are skipped (default {SHARE})",
    )
    group.add_argument(
        "--best",
        metavar="METRIC",
        help="by which the best checkpoint is kept (default kernel_distance; with pairs or holes perceptual_distance)",
    )


def evaluating_of(
    arguments: argparse.Namespace, run: "Run", dataset: "Dataset", here: "Engine", progress: "Progress | None"
) -> "Evaluating | None":
    """The plan of the options, None without --evaluate-every; the leading process takes the real features at once.

    InputError for a metric that tells no best, and for an extractor that cannot be opened.
    """
    from nablagan.evaluation.names import selectable
    from nablagan.evaluation.pairs_during import selectable_of_pairs
    from nablagan.training.evaluating import Evaluating
    from nablagan.types import InputError

    if arguments.evaluate_every is None:
        refuse_without_evaluations(arguments)
        return None
    predicates = selectable() if run.task.generates else selectable_of_pairs(run, dataset)
    usual = BEST if run.task.generates else next(iter(predicates))
    name = (arguments.best or usual).replace("-", "_")
    if name not in predicates:
        near = difflib.get_close_matches(name, predicates, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"no best by '{name}': {hint}there are {', '.join(predicates)}")
    measures: list[Any] = []
    here.lead(lambda: measures.append(_measure(arguments, run, dataset, here, progress)))
    measure = measures[0] if measures else _of_the_leader
    share = SHARE if arguments.evaluate_share is None else arguments.evaluate_share
    return Evaluating(measure, arguments.evaluate_every, name, predicates[name], share)


def refuse_without_evaluations(arguments: argparse.Namespace) -> None:
    """Raise InputError for an option about evaluations, given although none are made."""
    from nablagan.types import InputError

    given = [name for name in (*CHOICES, "best") if getattr(arguments, name) not in (None, [])]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(f"{option} needs evaluations while training: add --evaluate-every N")


def _measure(
    arguments: argparse.Namespace, run: "Run", dataset: "Dataset", here: "Engine", progress: "Progress | None"
) -> Any:
    from nablagan.evaluation.during import measure_of
    from nablagan.evaluation.opening import open_judge, open_pair_judge
    from nablagan.evaluation.pairs_during import check_judged, pair_measure_of

    chosen = (arguments.evaluate_extractor, arguments.evaluate_weights, choices_of(arguments.evaluate_choose))
    count = COUNT if arguments.evaluate_count is None else arguments.evaluate_count
    if not run.task.generates:
        check_judged(run, dataset, count)  # before anything is opened for it
        return pair_measure_of(run, dataset, open_pair_judge(*chosen, here.device), count)
    judge = open_judge(dataset.is_images, *chosen, here.device, arguments.cache, progress)
    return measure_of(run, dataset, judge, count)


def _of_the_leader(state: Any) -> dict[str, Any]:
    raise AssertionError("only the leading process evaluates")
