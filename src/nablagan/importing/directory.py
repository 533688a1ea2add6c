"""A run directory around an imported generator: what `nablagan translate` and `load_generator` open.

It has no history. config.json names the generator and, for the rest, what it was published with; the one checkpoint, at
0 images, holds the generator alone, so it is for making images, not for training on. import.json says where it is from.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from nablagan import losses, tasks
from nablagan.data import open_pairs
from nablagan.importing.recognising import Architecture
from nablagan.importing.state import filled
from nablagan.metrics.extractors.weights import sha256_of
from nablagan.optim import constant
from nablagan.players import parameter_count, patch
from nablagan.training.checkpoint import save_checkpoint
from nablagan.training.config import FORMAT, to_json
from nablagan.training.engine import Engine
from nablagan.training.environment import describe_environment
from nablagan.training.files import write_json
from nablagan.training.restore import IMPORT_RECORD
from nablagan.training.run import AdamSettings, DataSettings, PlayerSettings, Run, TaskSettings
from nablagan.types import InputError

ADAM = AdamSettings(constant(2e-4), constant(0.999), beta1=0.5)
"""Of the original project."""
HALF_LIFE = 1
"""The name of the only average, which is the generator itself."""


def import_run(file: Path, directory: Path) -> dict[str, Any]:
    """The content of import.json, after making `directory` a run that holds the generator of the file.

    Raises InputError for a file that `read_generator` refuses and for a directory that has something in it.
    """
    architecture, generator = filled(file)
    record = {
        "architecture": architecture.name,
        "norm": architecture.norm,
        "dropout": architecture.options.get("dropout"),
        "source_shape": list(architecture.source_shape),
        "shape": list(architecture.shape),
        "parameters": parameter_count(generator),
        "file": file.name,
        "sha256": sha256_of(file),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if next(directory.iterdir(), None) is not None:
            raise InputError(f"{directory} has something in it: give --out a directory that is new or empty")
        _write(directory, architecture, generator, record)
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error.strerror}; choose another --out") from error
    return record


def _write(directory: Path, architecture: Architecture, generator: nn.Module, record: dict[str, Any]) -> None:
    """The checkpoint last: until then nothing opens the directory as a run with a generator."""
    run = _run(architecture, record["file"])
    write_json(directory / IMPORT_RECORD, record)
    write_json(directory / "config.json", {"format": FORMAT, **to_json(run)})
    write_json(directory / "data.json", _description(record))
    write_json(directory / "environment.json", describe_environment(Engine(torch.device("cpu"))))
    averages = {f"{HALF_LIFE}.{name}": value for name, value in generator.state_dict().items()}
    save_checkpoint(directory / "checkpoints", 0, {"ema": averages}, {"images_seen": 0, "run": to_json(run)})


def _description(record: dict[str, Any]) -> dict[str, Any]:
    """As that of a data set of pairs, which nobody has here."""
    shapes = {name: record[name] for name in ("shape", "source_shape")}
    return {"name": record["file"], "kind": "images", "classes": [], "count": 0, "is_paired": True, **shapes}


def _run(architecture: Architecture, name: str) -> Run:
    """The record that opens the generator; there is nothing to be trained with it."""
    sources = {"source_shape": architecture.source_shape}
    channels = {"paired": True, "source_channels": architecture.source_shape[0]}
    data = DataSettings(name, architecture.shape[1:], architecture.shape[0], opener=open_pairs, options=channels)
    return Run(
        recipe="imported",
        data=data,
        generator=PlayerSettings(architecture.build, {**sources, **architecture.options}),
        discriminator=PlayerSettings(patch.discriminator, {**sources, "size": "base"}),
        loss=losses.least_squares,
        generator_adam=ADAM,
        discriminator_adam=ADAM,
        images=1,
        tick_images=1,
        picture_images=1,
        checkpoint_images=1,
        task=TaskSettings(tasks.translation),
        latent_size=0,
        batch_size=1,
        ema_half_lives=(HALF_LIFE,),
    )
