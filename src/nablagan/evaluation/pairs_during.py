"""Runs that start from images, judged while they are trained: what `evaluation.during` is for those that generate."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from nablagan.data import Dataset
from nablagan.data.sampler import Sampler, heldout, seeded
from nablagan.evaluation.holes import holes_of
from nablagan.evaluation.names import PREDICATES
from nablagan.evaluation.outputs import completed_images, translated_images
from nablagan.evaluation.pair_run import HELD_OUT_OF_OWN, held_out_rows
from nablagan.evaluation.pairs import BETTER, PairJudge, figures_against
from nablagan.metrics.features import deviation, features_of
from nablagan.metrics.intervals import Estimate
from nablagan.metrics.kernel import kernel_estimate
from nablagan.metrics.pairs import WINDOW
from nablagan.training.loop import State
from nablagan.training.restore import Trained
from nablagan.training.run import Run
from nablagan.training.translating import Translator, translator_of
from nablagan.types import InputError

LEAST = 3
"""Items that an interval needs."""
OF_SETS = "kernel_distance"
"""The one figure for which nobody needs to know what belongs to what."""


class Judging(NamedTuple):
    """What is judged, and how."""

    figures: Callable[[Translator], Mapping[str, Estimate]]
    items: int
    role: str


def selectable_of_pairs(run: Run, dataset: Dataset) -> dict[str, Callable[[float, float], bool]]:
    """The figures that a best checkpoint may be told by, the default first, each with `better(first, second)`."""
    names = ["perceptual_distance", *BETTER] if _has_truth(run, dataset) else [OF_SETS]
    seen = [name for name in names if name != "ssim" or min(dataset.shape[1:]) >= WINDOW]
    return {name: PREDICATES[BETTER[name]] for name in seen}


def check_judged(run: Run, dataset: Dataset, count: int) -> None:
    """Raise InputError where `pair_measure_of` would find too few items to judge."""
    if count < LEAST:
        raise InputError(f"an evaluation of {count} samples tells nothing: give at least {LEAST}, better all held out")
    held = len(heldout(len(dataset), run.seed, run.holdout))
    if _has_truth(run, dataset) and held < LEAST:
        raise InputError(
            f"{held} samples are held out, on which nothing can be judged while training: leave --evaluate-every out, "
            "or give more data"
        )


def pair_measure_of(run: Run, dataset: Dataset, judge: PairJudge, count: int) -> Callable[[State], dict[str, Any]]:
    """The content of an evaluation event: `measures`, their `intervals` and the `protocol`.

    Of pairs, and of images to complete (with a thin, a medium and a thick hole each, or their own masks), up to `count`
    of those that the run holds out: `pair_figures`. Of two sets in no order the kernel distance alone, of the outputs
    of `count` training sources and as many training targets. Nothing is drawn anew from one moment to the next, and the
    global generator of torch is left as it was. InputError of `check_judged`, and for two sets without an extractor.
    """
    check_judged(run, dataset, count)
    with torch.random.fork_rng(devices=[]):
        judging = (_of_truths if _has_truth(run, dataset) else _of_sets)(run, dataset, judge, count)
    against = {"name": dataset.name, "role": judging.role, "fingerprint": dataset.fingerprint}
    protocol = {"count": judging.items, "seed": run.seed, **judge.protocol, "against": against}

    def measure(state: State) -> dict[str, Any]:
        player: Any = state.averages.players[state.run.ema_half_lives[0]]
        with torch.random.fork_rng(devices=[]):
            found = judging.figures(_translator(run, player, dataset))
        return {
            "measures": {name: each.value for name, each in found.items()},
            "intervals": {name: [each.low, each.high] for name, each in found.items()},
            "better": {name: BETTER[name] for name in found},
            "protocol": protocol,
        }

    return measure


def _has_truth(run: Run, dataset: Dataset) -> bool:
    return run.masks is not None or dataset.is_paired


def _of_truths(run: Run, dataset: Dataset, judge: PairJudge, count: int) -> Judging:
    rows = heldout(len(dataset), run.seed, run.holdout)[:count]
    data = held_out_rows(dataset, rows, HELD_OUT_OF_OWN)
    if run.masks is None:
        sources, figures = data.sources, figures_against(data.samples, judge)
        assert sources is not None
        return Judging(lambda net: figures(_translated(net, sources, run)), len(rows), data.role)
    images, holes, _ = holes_of(data.samples, data.masks, run.seed)
    of_completed = figures_against(images, judge, holes)

    def completed(net: Translator) -> Mapping[str, Estimate]:
        return of_completed(completed_images(net, images, holes, net.latent_size, run.seed))

    return Judging(completed, len(rows), data.role)


def _of_sets(run: Run, dataset: Dataset, judge: PairJudge, count: int) -> Judging:
    """Sources and targets are chosen independently, lest they be counterparts, among those that are trained on."""
    extractor, device = judge.extractor, judge.device
    if extractor is None or dataset.sources is None:
        raise InputError("two sets in no order are judged by what an extractor sees: name one")
    trained = Sampler(dataset, 1, 1, run.seed, holdout=run.holdout)
    count = min(count, len(trained.source_members), len(trained.members))
    sources = _some(dataset.sources, trained.source_members, count, run.seed, 1)
    targets = _some(dataset.samples, trained.members, count, run.seed, 2)
    truth = features_of(extractor, targets, device=device)
    unit = deviation(truth) if extractor.standardised else 1.0

    def distance(net: Translator) -> Mapping[str, Estimate]:
        made = features_of(extractor, _translated(net, sources, run), device=device)
        return {OF_SETS: kernel_estimate(made / unit, truth / unit)}

    return Judging(distance, count, "the training data")


def _some(images: Any, members: np.ndarray, count: int, seed: int, draw: int) -> np.ndarray:
    order = torch.randperm(len(members), generator=seeded(seed, "evaluation", draw)).numpy()
    return np.asarray(images)[np.sort(members[order[:count]])]


def _translated(net: Translator, sources: np.ndarray, run: Run) -> np.ndarray:
    return translated_images(net, sources, net.latent_size, run.seed)


def _translator(run: Run, generator: nn.Module, dataset: Dataset) -> Translator:
    device = next(generator.parameters()).device
    trained = Trained(generator, run, tuple(dataset.shape), (), 0)
    return translator_of(trained, Path(run.data.source), device=device)
