"""Tiny runs and data sets for tests of the training layer, and what tests ask of a run directory."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nablagan import losses, penalties
from nablagan.data import Dataset
from nablagan.optim import Balanced, Cosine
from nablagan.players import dcgan, mlp
from nablagan.training.engine import Engine
from nablagan.training.evaluating import Evaluating
from nablagan.training.loop import State
from nablagan.training.run import AdamSettings, DataSettings, PenaltySettings, PlayerSettings, Run
from nablagan.training.session import Result, train

ALONE = Engine(torch.device("cpu"))
BATCH = 8
FOLLOWING = Balanced(start=0.1, images=40)
ADAM = AdamSettings(Cosine(2e-3, 1e-3, 100), Cosine(0.9, 0.99, 100))


def images_run(**changes: Any) -> Run:
    """10 steps of 8 on 8x8 images by class; a tick every 2, a checkpoint every 3.

    Every schedule is on the move, and one weight follows the game.
    """
    run = Run(
        recipe="test",
        data=DataSettings("images"),
        generator=PlayerSettings(dcgan.generator, {"widths": (8, 8)}),
        discriminator=PlayerSettings(dcgan.discriminator, {"widths": (8, 8)}),
        loss=losses.relativistic,
        generator_adam=ADAM,
        discriminator_adam=ADAM,
        images=10 * BATCH,
        tick_images=2 * BATCH,
        picture_images=5 * BATCH,
        checkpoint_images=3 * BATCH,
        penalties=(PenaltySettings(penalties.r1, Cosine(1.0, 0.1, 100)), PenaltySettings(penalties.r2, FOLLOWING)),
        augmentations=("color", "translation", "cutout"),
        augmentation_probability=Cosine(0.0, 0.5, 100),
        conditional=True,
        latent_size=4,
        batch_size=BATCH,
        ema_half_lives=(20, 200),
    )
    return replace(run, **changes)


def points_run(**changes: Any) -> Run:
    """The same on points in the plane, without classes, drawn only at the start and the end."""
    run = images_run(
        data=DataSettings("points"),
        generator=PlayerSettings(mlp.generator, {"widths": (8,)}),
        discriminator=PlayerSettings(mlp.discriminator, {"widths": (8,)}),
        augmentations=(),
        conditional=False,
        picture_images=10**6,
    )
    return replace(run, **changes)


TWENTY_STEPS = images_run(
    dtype="float64",
    images=20 * BATCH,
    checkpoint_images=4 * BATCH,
    holdout=4,
    probe_images=2 * BATCH,
    audit_images=3 * BATCH,
)
"""What several processes are compared on; they are interrupted at STOP. Only the leading one probes."""
STOP = 7 * BATCH


def weights_size(state: State) -> dict[str, Any]:
    """A measure that costs nothing: the norm of the averaged generator's parameters."""
    player = state.averages.players[state.run.ema_half_lives[0]]
    return {"measures": {"size": sum(float(p.norm()) for p in player.parameters())}, "protocol": {}}


EVALUATED = Evaluating(weights_size, 4 * BATCH, "size", share=1.0)
"""Of TWENTY_STEPS; only the leading process measures."""


def images(count: int = 20, seed: int = 0) -> Dataset:
    """Random 8x8 images of 3 classes; 2.5 batches, so that a pass ends within a step."""
    random = np.random.Generator(np.random.PCG64(seed))
    samples = random.integers(0, 256, (count, 1, 8, 8), np.uint8)
    return dataset("images", samples, np.arange(count) % 3, ("a", "b", "c"))


def points(count: int = 20, seven: int | None = None) -> Dataset:
    """Random points; the one numbered `seven` is (7, 7)."""
    samples = np.random.Generator(np.random.PCG64(1)).standard_normal((count, 2)).astype(np.float32)
    if seven is not None:
        samples[seven] = 7
    return dataset("points", samples, None, ())


def dataset(name: str, samples: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...]) -> Dataset:
    """A data set with its fingerprint and the description that reports rely on."""
    fingerprint = hashlib.sha256(samples.tobytes()).hexdigest()
    description = {
        "name": name,
        "count": len(samples),
        "shape": list(samples.shape[1:]),
        "classes": list(classes),
        "fingerprint": fingerprint,
    }
    return Dataset(name, samples, labels, classes, fingerprint, description)


def go(directory: Path, run: Run | None = None, data: Dataset | None = None, **options: Any) -> Result:
    """Train (images_run on `images` unless given) in `directory`, in this process alone; derivatives unchecked."""
    options = {"check_derivatives": False} | options
    run = images_run() if run is None else run
    data = data or (images() if run.data.source == "images" else points())
    return train(run, directory, data, ALONE, **options)


def stop_at(images_seen: int, number: int = signal.SIGTERM, times: int = 1) -> Callable[[State], None]:
    """For `on_step`: a real signal after the step that reaches this moment."""

    def on_step(state: State) -> None:
        for _ in range(times if state.images_seen == images_seen else 0):
            os.kill(os.getpid(), number)

    return on_step


def events(directory: Path, *kinds: str) -> list[dict[str, Any]]:
    """The events of a run, of some kinds if given."""
    found = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    return [event for event in found if not kinds or event["kind"] in kinds]


def story(directory: Path) -> list[dict[str, Any]]:
    """The events without what depends on the clock, and without the mark of a new session."""
    return [
        {key: value for key, value in event.items() if key != "time"}
        for event in events(directory)
        if event["kind"] != "resume"
    ]


def tensor_bytes(directory: Path) -> dict[str, bytes]:
    """The bytes of every tensor file of the checkpoint that `latest` names."""
    checkpoint = directory / "checkpoints" / (directory / "checkpoints/latest").read_text().strip()
    return {file.name: file.read_bytes() for file in sorted(checkpoint.glob("*.safetensors"))}


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file under a directory, to see that nothing has been touched."""
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}
