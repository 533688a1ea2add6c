"""What is refused before training: splits, data and settings that would make the run another one than it says."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nablagan.data.dataset import Dataset
from nablagan.losses import relativistic_average
from nablagan.optim import Pooled
from nablagan.tasks import completion, translation
from nablagan.training.config import from_json, to_json
from nablagan.training.engine import Engine
from nablagan.training.restore import read_json
from nablagan.training.run import Run
from nablagan.types import InputError

MAY_CHANGE = (
    "images",
    "tick_images",
    "picture_images",
    "checkpoint_images",
    "probe_images",
    "audit_images",
    "keep_checkpoints",
    "data",
)
"""Settings that may differ when a run goes on; what the data are is checked by their fingerprint."""
BESIDE = {translation: "source", completion: "mask"}
"""What the discriminator of a task sees each sample beside, unless the task's `sees_source` is off."""
HASHES = ("fingerprint", "content")
"""Of data.json: different whenever anything is."""
MOST_SHOWN = 4


def check_divisible(run: Run, engine: Engine) -> None:
    """Raise InputError unless the global batch splits evenly over the processes and the loss couples no samples."""
    if run.batch_size % engine.processes:
        raise InputError(
            f"batch size {run.batch_size} does not divide into {engine.processes} processes: "
            f"use a multiple of {engine.processes}"
        )
    if engine.processes > 1 and run.loss is relativistic_average:
        raise InputError(
            "the relativistic_average loss uses means over the whole batch, which processes do not share: "
            "use --loss relativistic, or one process"
        )


def check_shared(run: Run, engine: Engine) -> None:
    """Raise InputError for a pool of past samples where it would be wrong.

    In several processes each would have another; beside a source, a mask or a label a past sample has lost its own.
    """
    shown = BESIDE.get(run.task.build) if run.task.options.get("sees_source", True) else None
    beside = shown or ("label" if run.conditional else None)
    if run.update is Pooled and beside:
        raise InputError(
            f"a pool of past samples would show the discriminator samples beside another one's {beside}: "
            "use another --update, such as alternating"
        )
    if engine.processes > 1 and run.update is Pooled:
        raise InputError("a pool of past samples belongs to one process: use another --update, such as alternating")


def check_uncoupled(players: tuple[nn.Module, ...], engine: Engine) -> None:
    """Raise InputError if several processes would each normalise their own part of the batch."""
    names = {
        type(module).__name__ for player in players for module in player.modules() if isinstance(module, _BatchNorm)
    }
    if engine.processes > 1 and names:
        raise InputError(
            f"{min(names)} takes statistics of the whole batch, which processes do not share: "
            "use a normalisation that works on each sample, or one process"
        )


def check_labels(run: Run, dataset: Dataset) -> None:
    """Raise InputError if a run by class has data without classes."""
    if run.conditional and (dataset.labels is None or not dataset.classes):
        raise InputError(f"{dataset.name} has no labels: train without classes, or sort the images into class folders")


def changed_data(dataset: Dataset, directory: Path) -> InputError:
    """The error for a data set that is not the one that the directory's run was trained on, saying what differs."""
    return InputError(
        f"the data have changed since {directory} was begun ({data_differences(dataset, directory)}): "
        "restore them, accept the change with --accept-changed-data, or train into another --out"
    )


def data_differences(dataset: Dataset, directory: Path) -> str:
    """In what a data set differs from the one that the directory's data.json describes, on one line."""
    kept = directory / "data.json"
    before, now = (
        {key: value for key, value in content.items() if key not in HASHES}
        for content in (read_json(kept) if kept.exists() else {}, dataset.description)
    )
    return shown(differences(before, now)) or "other content"


def check_same_run(kept: Mapping[str, Any], run: Run, directory: Path) -> None:
    """Raise InputError naming the settings that differ from those of the directory's run, except MAY_CHANGE.

    Where others differ too, the number of images is named first: schedules and averages end with it.
    """
    there, here = to_json(from_json(kept)), to_json(run)
    before, now = ({k: v for k, v in settings.items() if k not in MAY_CHANGE} for settings in (there, here))
    if before != now:
        images = differences(there["images"], here["images"], "images")
        lines = itertools.chain(images, differences(before, now))
        raise InputError(
            f"{directory} holds a run with other settings ({shown(lines)}): repeat its settings to resume it, "
            "or train into another --out, with --init-from to begin with its players"
        )


def check_wanted(images_seen: int, run: Run, directory: Path) -> None:
    """Raise InputError if the directory's run has gone past what is asked for."""
    if images_seen - run.batch_size >= run.images:
        raise InputError(
            f"{directory} has already seen {images_seen} images, {run.images} are asked for: "
            "give a larger --images to go on, or another --out"
        )


def differences(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Each leaf in which two pieces of plain JSON differ, as "path: value there, value now"."""
    if before == now:
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from differences(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
    else:
        yield f"{name}: {before!r} there, {now!r} now"


def shown(lines: Iterator[str]) -> str:
    """The first few, on one line."""
    first = [line if len(line) <= 160 else f"{line[:157]}..." for line in itertools.islice(lines, MOST_SHOWN + 1)]
    return "; ".join([*first[:MOST_SHOWN], "..."] if len(first) > MOST_SHOWN else first)
