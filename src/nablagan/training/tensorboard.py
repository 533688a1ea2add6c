"""TensorBoard event files as a rendering of events.jsonl: a listener of a training session."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nablagan.training.events import read_events
from nablagan.types import InputError

SUFFIX = ".nablagan"
"""Of the event files' names, so that only our own are ever replaced."""
FLUSH_SECONDS = 10


class TensorBoard:
    """Writes measures and pictures of samples to RUN/tensorboard; the step is the number of images seen.

    When a run starts, resumes or rolls back, the files are written anew from events.jsonl: what training has taken back
    is gone, nothing is there twice, and a run that began without TensorBoard gets its whole history. Give it to `train`
    as a listener and close it afterwards. Raises InputError if the package tensorboard is not installed.
    """

    def __init__(self, directory: Path) -> None:
        """`directory` is the run directory."""
        self.directory = directory
        self._module = summary_module()
        self._writer: Any = None
        self._begun = self._now = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        """Hear one event of the session."""
        if event["kind"] in ("start", "resume", "rollback"):
            self._write_anew()
        elif self._writer is not None:
            self._add(event)

    def close(self) -> None:
        """Write out what is pending and close the files."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write_anew(self) -> None:
        self.close()
        place = self.directory / "tensorboard"
        place.mkdir(exist_ok=True)
        for old in place.glob(f"events.out.tfevents.*{SUFFIX}"):
            old.unlink()
        # purge_step tells a TensorBoard that is watching to forget what it had read
        self._writer = self._module.SummaryWriter(
            str(place), purge_step=0, flush_secs=FLUSH_SECONDS, filename_suffix=SUFFIX
        )
        for event in read_events(self.directory / "events.jsonl"):
            self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        step, times = event["images_seen"], event.get("time", {})
        if event["kind"] == "start":
            self._begun = self._now = times["unix"]
        if event["kind"] == "tick":
            self._now = self._begun + times["elapsed_seconds"]
            speed = {f"time/{name}": times[name] for name in ("images_per_second", "memory_mib")}
            for name, value in (event["measures"] | speed).items():
                self._writer.add_scalar(name, value, step, self._now)
        if event["kind"] == "evaluation":
            for name, value in event["measures"].items():
                if value is not None:
                    self._writer.add_scalar(f"evaluation/{name}", value, step, self._now)
        if event["kind"] == "samples":
            with Image.open(self.directory / event["file"], formats=["PNG"]) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self._writer.add_image("samples", pixels, step, self._now, dataformats="HWC")
        if event["kind"] in ("warning", "rollback"):
            self._writer.add_text(event["kind"], event.get("message") or event["reason"], step, self._now)


def summary_module() -> Any:
    """torch.utils.tensorboard, or InputError with the command that installs what it needs."""
    try:
        return importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise InputError("TensorBoard is not installed: pip install 'nablagan[tensorboard]'") from error
