"""Probes of the game while it is trained, in the leading process, from the run's seed and its moment alone."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablagan.data.augment import DRAWS
from nablagan.data.dataset import Dataset, to_tensor
from nablagan.data.sampler import Sampler, heldout, seeded
from nablagan.diagnostics import Exam, update_effects, vital_signs
from nablagan.diagnostics.spread import coarse, mean_distance, paired_distance
from nablagan.players.precision import full_precision
from nablagan.training.files import plain
from nablagan.training.loop import State, crosses, plain_game
from nablagan.types import Batch

EXAMINED = 64
"""Training samples, held-out samples and latents of an exam, at most."""
REFERENCE = 256
"""Real samples that generated ones are compared with, at most."""
AUDITED = 16
"""Rows of the step's batch that its audit looks at, at most."""


class Probes:
    """When a run is probed, and what is found."""

    def __init__(self, state: State, dataset: Dataset, sampler: Sampler) -> None:
        self.state, self.run, self.dataset, self.sampler = state, state.run, dataset, sampler
        self.game = plain_game(state)
        self._exam: Exam | None = None

    def is_due(self, interval: int) -> bool:
        """Whether the last step has crossed the interval; never for 0."""
        seen = self.state.images_seen
        return crosses(seen - self.run.batch_size, seen, interval)

    def start(self) -> Tensor | None:
        """Where the players stand before the next step, if that step is to be audited."""
        seen = self.state.images_seen
        return self.game.point() if crosses(seen, seen + self.run.batch_size, self.run.audit_images) else None

    def found(self, start: Tensor | None) -> dict[str, Any]:
        """The content of a probe event for the step just made, empty if none is due."""
        began = time.perf_counter()
        with full_precision(*self.game.players):
            measures = self.vitals() if self.is_due(self.run.probe_images) else {}
            measures |= {} if start is None else self.audit(start)
        if not measures:
            return {}
        return {"measures": plain(measures), "time": {"seconds": time.perf_counter() - began}}

    def vitals(self) -> dict[str, float]:
        """`diagnostics.vital_signs` on the run's exam."""
        self._exam = self._exam or exam(self.state, self.dataset, self.sampler)
        return vital_signs(self.game, self._exam._replace(batch=self._exam.batch._replace(images_seen=self._seen)))

    def audit(self, start: Tensor) -> dict[str, float]:
        """`diagnostics.update_effects` of the last step on rows of its own batch, by measure."""
        batch = self.sampler.batch(self._seen, self._seen + self.state.skipped).rows(slice(AUDITED))
        effects = update_effects(self.game, start, self.game.point(), batch)
        return {
            f"{player}_{name}": float(getattr(side, name))
            for player, side in zip(("generator", "discriminator"), effects, strict=True)
            for name in ("own", "other", "own_ratio", "other_ratio", "update_cosine", "successive_cosine")
        }

    @property
    def _seen(self) -> int:
        """Images seen before the last step."""
        return max(self.state.images_seen - self.run.batch_size, 0)


def exam(state: State, dataset: Dataset, sampler: Sampler) -> Exam:
    """What the run is examined on: samples, latents and augmentation draws from its seed."""
    run = state.run
    draws = seeded(run.seed, "exam")
    order = torch.randperm(len(sampler.members), generator=draws).numpy()
    known = sampler.members[order]
    chosen, unknown = known[:EXAMINED], heldout(len(dataset), run.seed, min(run.holdout, EXAMINED))
    latents = torch.randn(2, len(chosen), max(run.latent_size, 1), generator=draws).to(sampler.device, sampler.dtype)
    uniform = torch.rand(len(chosen), DRAWS, generator=draws).to(sampler.device, sampler.dtype)
    batch = sampler.of_samples(chosen)._replace(latent=latents[0], augmentation=uniform)
    again = batch._replace(latent=latents[1]) if run.task.generates else with_other_conditions(batch)
    reference = coarse(sampler.real(known[:REFERENCE]))
    return Exam(
        batch,
        again,
        reference,
        spread_within_classes(dataset, known, sampler.labels(chosen)) or mean_distance(reference),
        sampler.of_samples(unknown) if len(unknown) else None,
    )


def with_other_conditions(batch: Batch) -> Batch:
    """The batch with each sample's source (or, for completion, the whole sample) taken from the next one."""
    following = batch.rows(torch.arange(len(batch.real)).roll(-1))
    return batch._replace(source=following.source) if batch.mask is None else following


def spread_within_classes(dataset: Dataset, order: np.ndarray, labels: Tensor | None) -> float:
    """Mean distance of two real samples of one class, over the classes of `labels`; of any two without labels."""
    if labels is None or dataset.labels is None:
        return mean_distance(coarse(to_tensor(dataset.samples[order[:REFERENCE]])))
    pairs: list[tuple[int, int]] = []
    for label in labels.tolist():
        of_class = order[dataset.labels[order] == label][:EXAMINED]
        k = len(pairs) % max(len(of_class) - 1, 1)
        pairs += [(of_class[k], of_class[(k + 1) % len(of_class)])]
    first, second = (coarse(to_tensor(dataset.samples[list(side)])) for side in zip(*pairs, strict=True))
    return paired_distance(first, second)
