"""Runs that start from images, judged while they are trained: what `evaluation.during` is for those that generate."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nablagan.data import Dataset
from nablagan.data.sampler import heldout, seeded
from nablagan.evaluation.holes import holes_of
from nablagan.evaluation.names import PREDICATES
from nablagan.evaluation.outputs import completed_images, translated_images
from nablagan.evaluation.pairs import BETTER, PairJudge, pair_figures
from nablagan.metrics.features import deviation, features_of
from nablagan.metrics.intervals import Estimate
from nablagan.metrics.kernel import kernel_estimate
from nablagan.training.loop import State
from nablagan.training.restore import Trained
from nablagan.training.run import Run
from nablagan.training.translating import Translator, translator_of
from nablagan.types import InputError

LEAST = 3
"""Items that an interval needs."""
OF_SETS = "kernel_distance"
"""The one figure for which nobody needs to know what belongs to what."""
Figures = Callable[[Translator], Mapping[str, Estimate]]


def selectable_of_pairs(run: Run, dataset: Dataset) -> dict[str, Callable[[float, float], bool]]:
    """The figures that a best checkpoint may be told by, the default first, each with `better(first, second)`."""
    names = ("perceptual_distance", *BETTER) if _has_truth(run, dataset) else (OF_SETS,)
    return {name: PREDICATES[BETTER[name]] for name in names}


def pair_measure_of(run: Run, dataset: Dataset, judge: PairJudge, count: int) -> Callable[[State], dict[str, Any]]:
    """The content of an evaluation event: `measures`, their `intervals` and the `protocol`.

    Of pairs, and of images to complete (with a thin, a medium and a thick hole each, or their own masks), up to `count`
    of those that the run holds out: `pair_figures`. Of two sets in no order the kernel distance alone, of the outputs
    of `count` training sources and as many training targets. Nothing is drawn anew from one moment to the next.
    InputError where fewer than 3 are held out, and for two sets without an extractor.
    """
    figures, about = (_of_truths if _has_truth(run, dataset) else _of_sets)(run, dataset, judge, count)
    protocol = {"seed": run.seed, **judge.protocol, "against": about}

    def measure(state: State) -> dict[str, Any]:
        player: Any = state.averages.players[run.ema_half_lives[0]]
        with torch.random.fork_rng(devices=[]):
            found = figures(_translator(run, player, dataset))
        return {
            "measures": {name: each.value for name, each in found.items()},
            "intervals": {name: [each.low, each.high] for name, each in found.items()},
            "better": {name: BETTER[name] for name in found},
            "protocol": protocol,
        }

    return measure


def _has_truth(run: Run, dataset: Dataset) -> bool:
    return run.masks is not None or dataset.is_paired


def _of_truths(run: Run, dataset: Dataset, judge: PairJudge, count: int) -> tuple[Figures, dict[str, Any]]:
    rows = heldout(len(dataset), run.seed, run.holdout)[:count]
    if len(rows) < LEAST:
        raise InputError(
            f"{len(rows)} samples are held out, on which nothing can be judged while training: leave --evaluate-every "
            "out, or give more data"
        )
    about = {"name": dataset.name, "role": "held out of the training data", "count": len(rows)}
    targets = np.asarray(dataset.samples)[rows]
    if run.masks is None:
        sources = np.asarray(dataset.sources)[rows]
        return lambda net: pair_figures(_translated(net, sources, run), targets, judge), about
    own = dataset.masks is not None and len(dataset.masks) == len(dataset)
    images, holes, _ = holes_of(targets, np.asarray(dataset.masks)[rows] if own else None, run.seed)

    def completed(net: Translator) -> Mapping[str, Estimate]:
        return pair_figures(completed_images(net, images, holes, net.latent_size, run.seed), images, judge, holes)

    return completed, about


def _of_sets(run: Run, dataset: Dataset, judge: PairJudge, count: int) -> tuple[Figures, dict[str, Any]]:
    extractor, device = judge.extractor, judge.device
    if extractor is None or dataset.sources is None:
        raise InputError("two sets in no order are judged by what an extractor sees: name one")
    count = min(count, len(dataset.sources), len(dataset))
    sources, targets = (_some(rows, count, run.seed) for rows in (dataset.sources, dataset.samples))
    truth = features_of(extractor, targets, device=device)
    unit = deviation(truth) if extractor.standardised else 1.0

    def distance(net: Translator) -> Mapping[str, Estimate]:
        made = features_of(extractor, _translated(net, sources, run), device=device)
        return {OF_SETS: kernel_estimate(made / unit, truth / unit)}

    return distance, {"name": dataset.name, "role": "the training data", "count": count}


def _some(rows: Any, count: int, seed: int) -> np.ndarray:
    order = torch.randperm(len(rows), generator=seeded(seed, "evaluation")).numpy()
    return np.asarray(rows)[np.sort(order[:count])]


def _translated(net: Translator, sources: np.ndarray, run: Run) -> np.ndarray:
    return translated_images(net, sources, net.latent_size, run.seed)


def _translator(run: Run, generator: nn.Module, dataset: Dataset) -> Translator:
    device = next(generator.parameters()).device
    trained = Trained(generator, run, tuple(dataset.shape), (), 0)
    return translator_of(trained, Path(run.data.source), device=device)
