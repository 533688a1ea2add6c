"""Evaluation while a run is trained: a function of the state for `training.evaluating`, which knows no metric."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from nablagan.data import Dataset
from nablagan.evaluation.evaluate import common_classes, measured
from nablagan.evaluation.judges import Judge
from nablagan.evaluation.samples import Samples, classes_asked, generated, rows_of
from nablagan.metrics.measure import LEAST
from nablagan.training.loop import State
from nablagan.training.run import Run
from nablagan.training.sampling import latents
from nablagan.types import InputError

COUNT = 1_000


def measure_of(run: Run, dataset: Dataset, judge: Judge, count: int = COUNT) -> Callable[[State], dict[str, Any]]:
    """The content of an evaluation event: `measures`, their `intervals` and the `protocol`, of `count` samples a side.

    The real side is the training data, so that held-out data stay unseen by the choice of a checkpoint; its features
    are taken here, at once. Latents are the same every time. The global generator of torch is left as it was.
    InputError for fewer samples than intervals need.
    """
    count = min(count, len(dataset))
    if count < LEAST:
        raise InputError(f"an evaluation of {count} samples tells nothing: give at least {LEAST}, better thousands")
    real = rows_of(dataset, count, run.seed)
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)) if dataset.labels is not None else np.ones(1)
    with torch.random.fork_rng(devices=[]):
        real_features, classes = judge.features(real, keep=True), common_classes(judge, real)
    latent, label = latents(len(real), run.latent_size, run.seed, "evaluation"), classes_asked(run, counts, len(real))
    protocol = {
        "count": len(real),
        "seed": run.seed,
        "extractor": judge.protocol,
        "against": {"name": dataset.name, "role": "the training data", "fingerprint": dataset.fingerprint},
    }

    def measure(state: State) -> dict[str, Any]:
        player = state.averages.players[state.run.ema_half_lives[0]]
        with torch.random.fork_rng(devices=[]):
            rows = generated(player, latent, label)
            made = Samples(rows, "", {})
            found = measured(made, judge.features(made), real_features, judge, run.seed, classes)
        return event_of(found["metrics"], protocol)

    return measure


def event_of(entries: Mapping[str, Mapping[str, Any]], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an event from the entries of a record."""
    return {
        "measures": {name: entry["value"] for name, entry in entries.items()},
        "intervals": {name: [entry["low"], entry["high"]] for name, entry in entries.items()},
        "better": {name: entry["better"] for name, entry in entries.items()},
        "protocol": dict(protocol),
    }
