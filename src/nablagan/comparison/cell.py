"""One candidate with one seed: trained within the budget, its samples written, what it cost recorded."""

import os
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablagan.baselines import Sampler
from nablagan.comparison.budget import Budget
from nablagan.comparison.candidates import Candidate
from nablagan.comparison.trainees import Task, Trainee
from nablagan.data import picture_grid, to_uint8
from nablagan.data.files import write_bytes
from nablagan.data.sampler import seeded
from nablagan.players import parameter_count
from nablagan.players.precision import forgo_bfloat16
from nablagan.training.files import plain, write_json, write_picture
from nablagan.training.loop import Diverged
from nablagan.types import InputError

AT_ONCE = 250
TIMED_BATCH, TIMED_REPEATS = 64, 5
PICTURE, COLUMNS = 50, 10
RECORD, RESULT = "training.json", "result.json"
"""What training took, and the figures of its samples."""

Progress = Callable[[int, int, str], None]
"""(done, total, text)."""


def cell_directory(out: Path, candidate: Candidate, seed: int) -> Path:
    """Where a candidate's files of one seed lie."""
    return out / f"{candidate.name}-seed{seed}"


def train_cell(
    candidate: Candidate, task: Task, budget: Budget, count: int, directory: Path, progress: Progress | None
) -> dict[str, Any]:
    """Train, draw `count` samples with each sampler, and write them; the record, written last, says what it took.

    A candidate that diverges is recorded as failed. samples-SAMPLER.npy is uint8 (count, C, H, W).
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RESULT).unlink(missing_ok=True)  # of an earlier training, if its record was deleted
    load = list(os.getloadavg())
    try:
        trainee, record = _trained(candidate, task, budget, progress)
        rows = [_sampled(trainee, sampler, task, budget, count, directory, progress) for sampler in trainee.samplers]
        record |= {"status": "done", "samplers": rows}
    except (Diverged, InputError) as failure:
        seen = failure.images_seen if isinstance(failure, Diverged) else None
        record = {"status": "failed", "reason": str(failure), "images": seen}
    record = {"candidate": candidate.name, "seed": task.seed, **record}
    record |= {"threads": torch.get_num_threads(), "device": str(task.engine.device)}
    record |= {"load_average_at_start": load, "load_average_at_end": list(os.getloadavg())}
    write_json(directory / RECORD, plain(record))
    return record


def _trained(
    candidate: Candidate, task: Task, budget: Budget, progress: Progress | None
) -> tuple[Trainee, dict[str, Any]]:
    """The trained candidate and what its training took. The steps that were timed before are not counted."""
    images = budget.images(candidate, task)
    trainee = candidate.begin(task, images)
    wall, processor, start = time.perf_counter(), time.process_time(), budget.clock()
    taken = 0
    for _ in trainee.steps():
        taken += 1
        if progress:
            progress(min(trainee.images_seen, images), images, f"{candidate.title}, seed {task.seed}")
        if budget.clock() - start >= budget.limit:
            break
    record = {
        "seconds": budget.clock() - start,
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - processor,
        "steps": taken,
        "images": trainee.images_seen,
        "planned_images": images,
        "evaluations": trainee.images_seen * candidate.evaluations_per_image,
        "parameters": trainee.parameters,
        "sampling_parameters": parameter_count(trainee.sampling_net),
    }
    return trainee, record


def _sampled(
    trainee: Trainee,
    sampler: Sampler,
    task: Task,
    budget: Budget,
    count: int,
    directory: Path,
    progress: Progress | None,
) -> dict[str, Any]:
    """Write the samples of one sampler and their picture; what a sample costs."""
    forgo_bfloat16(trainee.sampling_module)  # as `nablagan sample` does: it saved time while training
    parts = []
    for part in _drawn(trainee, sampler, task, count):
        parts.append(to_uint8(part))
        if progress:
            progress(sum(map(len, parts)), count, f"{sampler.name} samples, seed {task.seed}")
    pixels = np.concatenate(parts)
    stream = BytesIO()
    np.save(stream, pixels)
    write_bytes(directory / f"samples-{sampler.name}.npy", stream.getvalue())
    write_picture(directory / f"picture-{sampler.name}.png", picture_grid(pixels[:PICTURE], COLUMNS))
    cost = _milliseconds(trainee, sampler, task, budget)
    return {"sampler": sampler.name, "steps": sampler.steps, "milliseconds_per_sample": cost}


@torch.inference_mode()
def _drawn(trainee: Trainee, sampler: Sampler, task: Task, count: int) -> Iterator[Tensor]:
    """Samples in parts, each from its own seeded draws."""
    for start in range(0, count, AT_ONCE):
        draws = seeded(task.seed, "pictures", start + 1)
        yield sampler.draw(trainee.sampling_module, task.dataset.shape, min(AT_ONCE, count - start), draws)


@torch.inference_mode()
def _milliseconds(trainee: Trainee, sampler: Sampler, task: Task, budget: Budget) -> float:
    """Of the budget's clock for a sample, in a batch of 64: the median of five, after one that is not counted."""
    times = []
    for repeat in range(TIMED_REPEATS + 1):
        start = budget.clock()
        drawn = sampler.draw(
            trainee.sampling_module, task.dataset.shape, TIMED_BATCH, seeded(task.seed, "exam", repeat)
        )
        drawn.cpu()  # waits for an accelerator
        times.append(1000 * (budget.clock() - start) / TIMED_BATCH)
    return median(times[1:])
