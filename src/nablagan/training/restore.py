"""A trained generator from its run directory."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from nablagan.players.precision import forgo_bfloat16
from nablagan.training.checkpoint import Checkpoint, load_checkpoint, load_newest
from nablagan.training.config import from_json
from nablagan.training.run import Run
from nablagan.training.sampling import latents, samples
from nablagan.types import InputError

IMPORT_RECORD = "import.json"
"""In a run directory: where a generator that was trained elsewhere is from."""


def as_begun(run: Run, directory: Path) -> Run:
    """The run, with as many samples held out as the directory's run was begun with, if there is one.

    Their number follows from the data's, and runs have been begun before any were held out: it must not change when a
    run goes on.
    """
    try:
        kept = read_config(directory)
    except InputError:  # a new run, or a damaged file: the checkpoints have the settings too, and the last word
        return run
    return replace(run, holdout=kept.holdout)


@dataclass(frozen=True)
class Trained:
    """An averaged generator of a run and what is needed to call it."""

    generator: nn.Module
    run: Run
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    images_seen: int

    def samples(self, count: int, seed: int = 0, label: Tensor | int | None = None) -> Tensor:
        """`count` samples (count, *shape), images in about [-1, 1]; the same seed gives the same samples.

        `label`: one class, (count,) classes, or None for classes in turn. Raises InputError for a class that is not
        there.
        """
        for name, value, least in (("count", count, 1), ("seed", seed, 0)):
            if value < least:
                raise InputError(f"{name} is {value}: give a number >= {least}")
        return samples(self.generator, latents(count, self.run.latent_size, seed), self._labels(count, label))

    def _labels(self, count: int, label: Tensor | int | None) -> Tensor | None:
        if not self.run.conditional:
            if label is not None:
                raise InputError("this run was trained without labels: leave the class out")
            return None
        if label is None:
            return torch.arange(count) % len(self.classes)
        labels = torch.as_tensor(label).expand(count) if isinstance(label, int) else label
        if labels.shape != (count,):
            raise InputError(f"labels have shape {tuple(labels.shape)}: give ({count},), one a sample")
        if not bool(((labels >= 0) & (labels < len(self.classes))).all()):
            raise InputError(f"no class {label}: this run has classes 0 to {len(self.classes) - 1}")
        return labels


def load_generator(directory: Path, checkpoint: Path | None = None, half_life: int | None = None) -> Trained:
    """`load_trained` of a run that generates from latents. Raises InputError for one that starts from images."""
    trained = load_trained(directory, checkpoint, half_life)
    check_generates(trained.run, directory)
    return trained


def check_generates(run: Run, directory: Path) -> None:
    """Raise InputError for a run that starts from images."""
    if not run.task.generates:
        verb = "translate" if run.masks is None else "complete"
        raise InputError(f"{directory} makes images of other images: use `nablagan {verb}`, which gives it some")


def load_trained(directory: Path, checkpoint: Path | None = None, half_life: int | None = None) -> Trained:
    """The averaged generator of a run, from its newest sound checkpoint or the one given.

    `half_life` (images) chooses among the run's averages; the first is the default. Raises InputError for what is not a
    run directory, has no sound checkpoint, or lacks that average.
    """
    run, description = read_config(directory), read_json(directory / "data.json")
    found = load_checkpoint(checkpoint) if checkpoint else load_found(directory)
    half_life = half_life or run.ema_half_lives[0]
    if half_life not in run.ema_half_lives:
        raise InputError(f"no average with half-life {half_life}: this run keeps {run.ema_half_lives}")
    try:
        shape, classes = tuple(description["shape"]), tuple(description["classes"])
        generator = _built(run, shape, len(classes), found.tensors["ema"], f"{half_life}.")
        return Trained(generator, run, shape, classes, found.state["images_seen"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{found.path} does not fit the config.json and data.json of {directory}: {error}") from error


def _built(run: Run, shape: tuple[int, ...], classes: int, averages: dict[str, Tensor], prefix: str) -> nn.Module:
    generator = run.new_generator(shape, classes)
    generator.to(dtype=run.torch_dtype)
    forgo_bfloat16(generator)  # it saved time while training; what is kept are float32 weights
    generator.load_state_dict({k.removeprefix(prefix): v for k, v in averages.items() if k.startswith(prefix)})
    return generator.eval().requires_grad_(False)


def is_imported(directory: Path) -> bool:
    """Whether the generator was trained elsewhere: no data, no training and no losses of it are here."""
    return (directory / IMPORT_RECORD).is_file()


def read_config(directory: Path) -> Run:
    """The run of a directory. Raises InputError if it is not one."""
    if not (directory / "config.json").is_file():
        raise InputError(f"{directory} is not a run directory (it has no config.json): give one that `train` made")
    return from_json(read_json(directory / "config.json"))


def read_json(path: Path) -> dict:
    """The content of a JSON file. Raises InputError if it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def load_found(path: Path) -> Checkpoint:
    """The checkpoint at `path`, or the newest sound one of the run at `path`. Raises InputError if there is none."""
    if (path / "manifest.json").is_file():
        return load_checkpoint(path)
    read_config(path)
    checkpoint, _ = load_newest(path / "checkpoints")
    if checkpoint is None:
        raise InputError(f"{path} has no checkpoint yet")
    return checkpoint
