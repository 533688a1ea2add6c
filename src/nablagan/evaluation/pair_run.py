"""A run that starts from images, judged on pairs that it has not seen, with baselines in the same table."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from nablagan.baselines.translation import identity
from nablagan.data import Dataset
from nablagan.data.sampler import heldout
from nablagan.evaluation.counterparts import counterpart
from nablagan.evaluation.holes import holes_of
from nablagan.evaluation.nearness import nearness
from nablagan.evaluation.opening import Wish
from nablagan.evaluation.outputs import completed_images, translated_images
from nablagan.evaluation.pair_baselines import completion_baselines, translation_baselines
from nablagan.evaluation.pairs import PairJudge, pair_record
from nablagan.evaluation.samples import Progress, silent
from nablagan.metrics.perceptual import perceptual_distances
from nablagan.training.events import read_events
from nablagan.training.opening import open_data
from nablagan.training.restore import Trained, is_imported, load_trained
from nablagan.training.run import Run
from nablagan.training.translating import Translator, translator_of
from nablagan.types import InputError

MOST = 1000
"""Pairs that are judged, where nobody says how many; of completion, images for each kind of hole."""
ROWS = 12
"""Pairs of the picture."""
MODEL = "model"
HELD_OUT_OF_OWN = "held out of the training data"
SEEN_BY_THE_CHOICE = ", by which its best checkpoint was chosen"


class PairEvaluation(NamedTuple):
    """A record, and what it was taken on side by side."""

    record: dict[str, Any]
    columns: dict[str, np.ndarray]
    """uint8 (ROWS or fewer, C, h, w) by name: what was given, each candidate's output, the truth."""


class HeldOut(NamedTuple):
    """What a run is judged on."""

    samples: np.ndarray
    sources: np.ndarray | None
    masks: np.ndarray | None
    name: str
    role: str


def pairs_of_run(
    run: Path,
    wish: Wish,
    judge: PairJudge,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> PairEvaluation:
    """The record of `pair_record` for a run's averaged net, first, and the baselines that can be had here.

    On --against, else on held-out data that are known, else on the samples that the run held out. Besides: `generated`
    (name, images_seen), `against` (name, role, fingerprint of what it was opened as), `baselines_missing` {NAME: why},
    and for translation `nearness` {DISTANCE: shares}. Completion is judged by kinds of holes, or with the data's masks.
    InputError for a run that starts from nothing, and for data without pairs.
    """
    trained = load_trained(run, wish.checkpoint, wish.half_life)
    translator = translator_of(trained, run, device=device)
    own = _own(trained.run, is_imported(run), wish, progress)
    data = _held_out(trained, own, wish, progress)
    if own is not None and data.role == HELD_OUT_OF_OWN:
        data = data._replace(role=_told_honestly(run))
        own = _without(own, heldout(len(own), trained.run.seed, trained.run.holdout))
    data = _chosen(data, wish)
    _check(data, translator)
    judged = _completion if translator.completes else _translation
    found = judged(translator, data, own, judge, wish.seed, progress or silent)
    about = {
        "generated": {"name": run.name, "images_seen": trained.images_seen},
        "against": {"name": data.name, "role": data.role},
        "seed": wish.seed,
    }
    return found._replace(record=found.record | about)


def _translation(
    translator: Translator, data: HeldOut, own: Dataset | None, judge: PairJudge, seed: int, progress: Progress
) -> PairEvaluation:
    sources, targets = data.sources, data.samples
    assert sources is not None
    outputs = translated_images(translator, sources, translator.latent_size, seed, progress=progress)
    training = (own.sources, own.samples) if own is not None and own.is_paired else (None, None)
    found, missing = translation_baselines(sources, targets.shape[1], *training)
    candidates = {MODEL: outputs, **found}
    record = pair_record(candidates, targets, judge)
    record |= {"baselines_missing": missing, "nearness": _nearness(outputs, sources, targets, judge, seed)}
    return PairEvaluation(record, _first({**candidates, "truth": targets}, range(len(targets))))


def _completion(
    translator: Translator, data: HeldOut, own: Dataset | None, judge: PairJudge, seed: int, progress: Progress
) -> PairEvaluation:
    images, holes, groups = holes_of(data.samples, data.masks, seed)
    outputs = completed_images(translator, images, holes, translator.latent_size, seed, progress=progress)
    found, missing = completion_baselines(images, holes, None if own is None else own.samples)
    candidates = {MODEL: outputs, **found}
    record = pair_record(candidates, images, judge, holes, groups) | {"baselines_missing": missing}
    given = np.where(holes != 0, 127, images).astype(np.uint8)
    spread = np.linspace(0, len(images) - 1, min(ROWS, len(images))).round().astype(int)  # of every kind of hole
    return PairEvaluation(record, _first({"given": given, **candidates, "truth": images}, spread))


def _first(columns: dict[str, np.ndarray], rows: Iterable[int]) -> dict[str, np.ndarray]:
    chosen = list(rows)[:ROWS]
    return {name: images[chosen] for name, images in columns.items()}


def _nearness(
    outputs: np.ndarray, sources: np.ndarray, targets: np.ndarray, judge: PairJudge, seed: int
) -> dict[str, Any]:
    """By L1, and by the perceptual distance where it can be had; empty where sources are no pictures of that kind."""
    try:
        inputs = identity(sources, targets.shape[1])
        found = {"l1": nearness(outputs, inputs, targets, seed=seed)}
    except InputError:  # two channels to three, say: no distance from the input is defined
        return {}
    if judge.stages is not None:
        stages, device = judge.stages, judge.device
        found["perceptual_distance"] = nearness(
            outputs, inputs, targets, lambda a, b: perceptual_distances(a, b, stages, device=device), seed
        )
    return {
        name: {
            "than_input": each.than_input._asdict(),
            "than_random": each.than_random._asdict(),
            "than_both": each.than_both._asdict(),
            "pairs": each.pairs,
        }
        for name, each in found.items()
    }


def _own(run: Run, imported: bool, wish: Wish, progress: Progress | None) -> Dataset | None:
    """The training data, in which baselines look for likenesses; None for an imported generator, which brings none."""
    if imported and wish.train is None:
        return None
    return open_data(replace(run.data, source=wish.train or run.data.source), wish.cache, progress)


def _held_out(trained: Trained, own: Dataset | None, wish: Wish, progress: Progress | None) -> HeldOut:
    """Pairs that training has not seen, opened as its own data were, also where it took them for two sets."""
    run = trained.run
    paired = {"paired": True} if "paired" in run.data.options else {}
    settings = replace(run.data, resolution=trained.shape[1:], options=run.data.options | paired)
    source = wish.against or counterpart(run.data.source)
    if source:
        dataset = open_data(replace(settings, source=source), wish.cache, progress)
        return held_out_rows(dataset, np.arange(len(dataset)), "given" if wish.against else "held out")
    if paired and (Path(run.data.source).expanduser() / "testA").is_dir():
        settings = replace(settings, options=settings.options | {"split": "test"})
        dataset = open_data(settings, wish.cache, progress)
        return held_out_rows(dataset, np.arange(len(dataset)), "held out, testA and testB")
    rows = heldout(0 if own is None else len(own), run.seed, run.holdout)
    if own is None or len(rows) < 3 or not own.is_paired:
        raise InputError(f"no held-out data are known for {run.data.source}: name some, --against DATA")
    return held_out_rows(own, rows, HELD_OUT_OF_OWN)


def _told_honestly(run: Path) -> str:
    """The role of the held-out samples: evaluations while training have looked at them to name the best checkpoint."""
    looked = any(event["kind"] == "evaluation" for event in read_events(run / "events.jsonl"))
    return HELD_OUT_OF_OWN + (SEEN_BY_THE_CHOICE if looked else "")


def _without(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """The data set that baselines may look into: pairs without those that are judged."""
    kept = np.setdiff1d(np.arange(len(dataset)), rows)
    sources = None if dataset.sources is None else np.asarray(dataset.sources)[kept]
    return replace(dataset, samples=np.asarray(dataset.samples)[kept], labels=None, sources=sources, masks=None)


def held_out_rows(dataset: Dataset, rows: np.ndarray, role: str) -> HeldOut:
    """These rows of a data set, with their sources where it is paired and with masks where each has its own."""
    paired = dataset.sources is not None and dataset.is_paired
    beside = dataset.masks is not None and len(dataset.masks) == len(dataset)
    return HeldOut(
        np.asarray(dataset.samples)[rows],
        np.asarray(dataset.sources)[rows] if paired else None,
        np.asarray(dataset.masks)[rows] if beside else None,
        dataset.name,
        role,
    )


def _chosen(data: HeldOut, wish: Wish) -> HeldOut:
    """`count` of the rows, by the seed, in order."""
    total = len(data.samples)
    count = wish.count or min(total, MOST)
    if count > total:
        raise InputError(f"{count:,} samples of {data.name}, which has {total:,}: give a --count up to that")
    order = torch.randperm(total, generator=torch.Generator().manual_seed(wish.seed)).numpy()
    rows = np.sort(order[:count])
    parts = (None if each is None else each[rows] for each in (data.samples, data.sources, data.masks))
    samples, sources, holes = parts
    assert samples is not None
    return HeldOut(samples, sources, holes, data.name, data.role)


def _check(data: HeldOut, translator: Translator) -> None:
    if data.samples.shape[1] != translator.shape[0]:
        raise InputError(f"{data.name} has {data.samples.shape[1]} channels, the run {translator.shape[0]}")
    if translator.completes:
        return
    if data.sources is None:
        raise InputError(f"{data.name} has no pairs, which judge a translation: name some, --against DATA")
    if data.sources.shape[1] != translator.source_shape[0]:
        raise InputError(f"sources of {data.name} have {data.sources.shape[1]} channels, the run's others")
