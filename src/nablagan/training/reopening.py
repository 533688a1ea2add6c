"""A run's state at one of its checkpoints, ready to go on exactly as it did; its directory is left as it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nablagan.data import Dataset
from nablagan.training.checkpoint import Checkpoint, load_checkpoint
from nablagan.training.checks import data_differences
from nablagan.training.engine import Engine, choose
from nablagan.training.loop import State, prepare
from nablagan.training.opening import open_data
from nablagan.training.restore import load_found, read_config
from nablagan.training.run import Run
from nablagan.types import InputError


def load_state(
    directory: Path, checkpoint: Path | None = None, dataset: Dataset | None = None, engine: Engine | None = None
) -> State:
    """The state at `checkpoint`, by default the newest sound one: players, optimisers, averages, weights, moment.

    `steps(state, sampler_of(state.run, dataset, engine))` would go on as the run did. `dataset`: as `load_dataset`
    gives it, by default opened again from config.json. Raises InputError for what is no run, has no sound checkpoint,
    or was trained on other data than these.
    """
    run = read_config(directory)
    dataset = load_dataset(directory) if dataset is None else dataset
    found = load_found(directory) if checkpoint is None else load_checkpoint(checkpoint)
    check_data(directory, found, dataset)
    return state_at(run, found, dataset, engine or Engine(choose("cpu")))


def state_at(run: Run, checkpoint: Checkpoint, dataset: Dataset, engine: Engine) -> State:
    """A new state with a checkpoint's content. Raises InputError if it is not the run's."""
    state = prepare(run, dataset.shape, len(dataset.classes), engine)
    state.load(checkpoint.tensors, checkpoint.state)
    return state


def load_dataset(
    directory: Path, source: str | None = None, progress: Callable[[int, int, str], None] | None = None
) -> Dataset:
    """A run's data set, opened again as its config.json says, or the same data from another place, `source`.

    Raises InputError if it is not there any more, or cannot be read.
    """
    settings = read_config(directory).data
    try:
        return open_data(settings if source is None else replace(settings, source=source), progress=progress)
    except InputError as error:
        if source is not None:
            raise
        raise InputError(
            f"the data of {directory} cannot be opened again ({error}): say where they are with --data PATH"
        ) from error


def check_data(directory: Path, checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Raise InputError, saying what differs, unless the checkpoint was made with these data."""
    if checkpoint.state.get("fingerprint") == dataset.fingerprint:
        return
    raise InputError(
        f"{checkpoint.path} was not made with these data ({data_differences(dataset, directory)}): "
        "restore them, or say where they are with --data PATH"
    )
