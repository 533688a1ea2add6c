"""Synthetic run directories: what training writes, without training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CONFIG: dict[str, Any] = {
    "format": 1,
    "recipe": "digits",
    "data": {"source": "builtin:digits", "resolution": None},
    "generator": {"build": "nablagan.players.dcgan:generator", "options": {"size": "tiny"}},
    "discriminator": {"build": "nablagan.players.dcgan:discriminator", "options": {}},
    "loss": "nablagan.losses:relativistic",
    "images": 64_000,
    "penalties": [{"penalty": "nablagan.penalties:r1", "weight": {"start": 0.2, "end": 0.02, "images": 1000}}],
    "conditional": True,
    "batch_size": 64,
    "ema_half_lives": [2000],
}
DATA: dict[str, Any] = {
    "name": "digits",
    "count": 4000,
    "classes": ["zero", "one", "two"],
    "class_counts": {"zero": 1300, "one": 1400, "two": 1300},
    "bad": {},
    "kind": "images",
    "shape": [1, 32, 32],
}
ENVIRONMENT: dict[str, Any] = {
    "command": ["nablagan", "train", "--images", "64000"],
    "versions": {"python": "3.11", "torch": "2.13.0"},
    "machine": {"cores": 2, "device": "cpu"},
}
STAGES = {"data": 0.1, "update": 1.5, "pictures": 0.2}


class SyntheticRun:
    """A run directory to be filled, damaged and read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "samples").mkdir(parents=True)

    def json(self, name: str, content: Any) -> None:
        (self.directory / name).write_text(json.dumps(content))

    def event(self, kind: str, images_seen: int, **content: Any) -> None:
        with (self.directory / "events.jsonl").open("a") as file:
            file.write(json.dumps({"kind": kind, "images_seen": images_seen, **content}) + "\n")

    def tick(self, images_seen: int, stages: Any = STAGES, **measures: Any) -> None:
        time = {"elapsed_seconds": images_seen / 100, "images_per_second": 100.0, "memory_mib": 400, "stages": stages}
        self.event("tick", images_seen, measures=measures, time=time)

    def picture(self, name: str, side: int = 32) -> None:
        pixels = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
        Image.fromarray(pixels).save(self.directory / "samples" / name)

    def sample(self, images_seen: int) -> None:
        name = f"images-{images_seen:09d}.png"
        self.picture(name)
        self.event("samples", images_seen, file=f"samples/{name}")

    def walk(self) -> None:
        frames = [Image.new("L", (16, 16), 60 * i) for i in range(4)]
        frames[0].save(self.directory / "samples/walk.gif", save_all=True, append_images=frames[1:], duration=80)


@pytest.fixture
def empty_run(tmp_path: Path) -> SyntheticRun:
    """A directory that holds samples/ only."""
    return SyntheticRun(tmp_path / "00001-digits")


@pytest.fixture
def started_run(empty_run: SyntheticRun) -> SyntheticRun:
    """config, environment, data and a start event."""
    for name, content in (("config", CONFIG), ("data", DATA), ("environment", ENVIRONMENT)):
        empty_run.json(f"{name}.json", content)
    empty_run.event("start", 0, parameters={"generator": 73_129, "discriminator": 17_033}, time={"unix": 1.75e9})
    return empty_run


@pytest.fixture
def whole_run(started_run: SyntheticRun) -> SyntheticRun:
    """A run that went to its end, with every kind of event and picture."""
    run = started_run
    run.picture("real.png")
    for seen in range(0, 64_001, 6_400):
        run.sample(seen)
    run.walk()
    for number in range(1, 101):
        run.tick(640 * number, **measures(number))
    run.event("warning", 1_280, message="a loose cable")
    run.event("rollback", 6_400, failed_at=7_000, to=6_400, reason="generator_loss is nan")
    run.event("resume", 6_400, time={"unix": 1.75e9})
    run.event("end", 64_000, status="done", reason="", time={"elapsed_seconds": 640.0})
    run.json("DONE", {"status": "done", "images_seen": 64_000, "reason": ""})
    return run


@pytest.fixture
def small_run(started_run: SyntheticRun) -> SyntheticRun:
    """A run that ended, with one curve and two pictures: quick to draw."""
    run = started_run
    run.picture("real.png")
    for seen in (640, 1280):
        run.sample(seen)
        run.tick(seen, generator_loss=1.0)
    run.event("end", 1280, status="done", reason="")
    run.json("DONE", {"status": "done", "images_seen": 1280, "reason": ""})
    return run


def measures(number: int) -> dict[str, float]:
    """What a tick tells: two measures of each known figure and one that no figure knows."""
    wave = float(np.sin(number / 7))
    return {
        "generator_loss": 1.2 + 0.1 * wave,
        "discriminator_loss": 0.5 - 0.1 * wave,
        "real_logits": wave,
        "fake_logits": -wave,
        "penalty_r1": 0.5 + 0.1 * wave,
        "penalty_weight_r1": 0.2 - 0.001 * number,
        "generator_gradient_norm": 2 + wave,
        "discriminator_gradient_norm": 3 + wave,
        "generator_learning_rate": 1e-3,
        "discriminator_learning_rate": 1e-3,
        "winning_share": 0.5 + 0.1 * wave,
    }


@pytest.fixture
def page_of() -> Callable[[SyntheticRun], str]:
    """Writes the report of a run and returns its text."""
    from nablagan.report import write_report

    return lambda run: write_report(run.directory).read_text(encoding="utf-8")
