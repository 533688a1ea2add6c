"""What the leading process writes into a run directory: its description, events, pictures, checkpoints, the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.checking import DerivativeCheck
from nablagan.data.dataset import Dataset
from nablagan.diagnostics.doctor import Doctor, Finding
from nablagan.players import parameter_count
from nablagan.training import sampling, showing
from nablagan.training.best import best_name
from nablagan.training.checkpoint import Checkpoint, keep_newest, save_checkpoint
from nablagan.training.circumstances import circumstances
from nablagan.training.config import FORMAT, to_json
from nablagan.training.engine import Engine
from nablagan.training.environment import describe_environment
from nablagan.training.events import EventLog, Listener, read_events
from nablagan.training.files import locked, write_json, write_picture
from nablagan.training.loop import Diverged, State
from nablagan.training.tick import Tick, schedule_values
from nablagan.types import InputError

if TYPE_CHECKING:
    from PIL import Image


@contextmanager
def owned(directory: Path) -> Iterator[None]:
    """The run directory, made if need be, and nobody else's meanwhile; a start that is refused leaves none behind.

    Raises InputError if it is in use.
    """
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with locked(directory):
            for name in ("config.json", "data.json", "environment.json", "checkpoints/latest", "checkpoints/best"):
                path = directory / name
                for leftover in path.parent.glob(f".writing-{path.name}-*"):  # of a write that a crash cut short
                    leftover.unlink()
            yield
    except InputError:
        if is_new:
            with suppress(OSError):  # it holds something
                directory.rmdir()
        raise


class Writer:
    """The pen of a session. Only the leading process writes with it; every method may raise OSError."""

    def __init__(
        self, state: State, directory: Path, dataset: Dataset, engine: Engine, listeners: tuple[Listener, ...]
    ) -> None:
        self.state, self.run, self.directory = state, state.run, directory
        self.dataset, self.engine, self.listeners = dataset, engine, listeners
        self.tick = Tick()
        self.doctor = self._new_doctor()
        self.raised: list[Finding] = []
        """Findings that have begun in this session and not been asked for."""
        self._log: EventLog | None = None

    # --- beginning and end ---------------------------------------------------------------------------------

    def begin(self, init_from: Path | None = None, checked: tuple[DerivativeCheck, float] | None = None) -> None:
        """The first files of a new run, and its first checkpoint.

        `init_from` is where its players come from, `checked` what was found of their derivatives, in so many seconds.
        """
        self._describe()
        self.log.cut(0)
        generator, discriminator = (parameter_count(player) for player in self.state.game.players)
        counts = {"generator": generator, "discriminator": discriminator}
        origin = {"init_from": str(init_from)} if init_from else {}
        self.event("start", parameters=counts, **origin, time={"unix": time.time()})
        if checked is not None:
            self._report_check(*checked)
        with self._stage("pictures"):
            write_picture(self.directory / "samples/real.png", sampling.real_picture(self.run, self.dataset))
        self.draw()
        self.save()

    def _report_check(self, found: DerivativeCheck, seconds: float) -> None:
        """Rounding errors differ between machines, so they stand under `time`."""
        errors = {f"{loss} in the {player}": error for loss, player, *_, error in found.comparisons}
        self.event(
            "derivative_check",
            agree=list(errors),
            unjudged=list(found.unjudged),
            tolerance=found.tolerance,
            rows=found.rows,
            time={"seconds": seconds, "relative_errors": errors},
        )

    def go_on(self, checkpoint: Checkpoint, warnings: list[str]) -> None:
        """The record of an earlier session, cut back to the checkpoint that is resumed from."""
        self._describe()
        whole = self.return_to(checkpoint)
        self.event("resume", time={"unix": time.time()})
        for message in warnings:
            self.event("warning", message=message)
        if not whole:
            self.event("warning", message="events.jsonl had lost its end: what it said before this line is incomplete")

    def end(self, status: str, reason: str = "") -> None:
        """The last event of a session."""
        self.event(
            "end",
            status=status,
            reason=reason,
            time={"unix": time.time(), "elapsed_seconds": self.state.elapsed_seconds},
        )

    def finish(self) -> None:
        """The walk through latent space, the last event and DONE."""
        if self.dataset.is_images and self.run.task.generates:
            frames = sampling.walk(self._average(), self.run, len(self.dataset.classes))
            sampling.save_walk(frames, self.directory / "samples/walk.gif")
        self.end("done")
        self._mark("DONE", "done", "")

    def give_up(self, reason: str) -> None:
        """The last event and FAILED."""
        self.end("failed", reason)
        self._mark("FAILED", "failed", reason)

    def close(self) -> None:
        """Close the event log."""
        if self._log is not None:
            self._log.close()

    def _describe(self) -> None:
        for name in ("DONE", "FAILED"):
            (self.directory / name).unlink(missing_ok=True)
        write_json(self.directory / "config.json", {"format": FORMAT, **to_json(self.run)})
        write_json(self.directory / "data.json", self.dataset.description)
        write_json(self.directory / "environment.json", describe_environment(self.engine))
        (self.directory / "samples").mkdir(exist_ok=True)
        self._log = EventLog(self.directory / "events.jsonl", self.listeners)

    def _mark(self, name: str, status: str, reason: str) -> None:
        content = {"status": status, "images_seen": self.state.images_seen, "reason": reason}
        write_json(self.directory / name, content)

    # --- in between ----------------------------------------------------------------------------------------

    @property
    def log(self) -> EventLog:
        """The open event log."""
        assert self._log is not None, "begin or go_on opens it"
        return self._log

    def event(self, kind: str, **content: Any) -> None:
        """Append an event at the state's moment and tell the listeners; what the doctor finds by it follows."""
        self.log.write(kind, self.state.images_seen, **content)
        for found in self.doctor.hear({"kind": kind, "images_seen": self.state.images_seen, **content}):
            self.raised += [found] if found.status == "raised" else []
            self.log.write("finding", self.state.images_seen, **found.content())

    def report_tick(self) -> None:
        """A tick event; the next tick begins."""
        measures = self.tick.means() | schedule_values(self.state)
        self.event("tick", measures=measures, time=self.tick.times(self.state.elapsed_seconds))
        self.tick = Tick()

    def report_probe(self, found: dict[str, Any]) -> None:
        """A probe event."""
        self.tick.spend("probes", found["time"]["seconds"])
        self.event("probe", **found)

    def draw(self) -> None:
        """A picture of samples on the fixed latents."""
        with self._stage("pictures"):
            name = f"samples/images-{self.state.images_seen:09d}.png"
            write_picture(self.directory / name, self._picture())
            titles = {} if self.run.task.generates else {"columns": showing.titles_of(self.run, self.dataset)}
            self.event("samples", file=name, **titles)

    def _picture(self) -> "Image.Image":
        draw = sampling.samples_picture if self.run.task.generates else showing.translations_picture
        return draw(self._average(), self.run, self.dataset)

    def save(self, scheduled: bool = True) -> None:
        """A checkpoint; old ones but the best are deleted.

        An unscheduled one leaves no event: the run would differ by having it.
        """
        with self._stage("checkpoints"):
            directory, content = self.directory / "checkpoints", self._content(scheduled)
            path = save_checkpoint(directory, self.state.images_seen, self.state.tensors(), content)
            keep_newest(directory, self.run.keep_checkpoints, best_name(directory))
        if scheduled:
            self._announce(path.name)

    def return_to(self, checkpoint: Checkpoint) -> bool:
        """Cut the event log back to a checkpoint; False if it had lost more than that by itself."""
        whole = self.log.cut(checkpoint.state["events_length"])
        self.doctor, self.raised = self._new_doctor(), []
        for event in read_events(self.directory / "events.jsonl"):
            self.doctor.hear(event)
        if checkpoint.state["scheduled"]:
            self._announce(checkpoint.path.name.removeprefix(".replaced-"))
        return whole

    def record_rollback(self, checkpoint: Checkpoint, failure: Diverged, problems: list[str]) -> None:
        """The way back to a checkpoint, saved at once: a run that is killed must not forget that it has diverged."""
        self.return_to(checkpoint)
        for problem in problems:
            self.event("warning", message=f"{problem}; rolled back to {checkpoint.path.name}")
        self.event("rollback", failed_at=failure.images_seen, to=self.state.images_seen, reason=failure.reason)
        self.save(scheduled=False)

    def _new_doctor(self) -> Doctor:
        return Doctor(circumstances(self.run, self.dataset.shape, len(self.dataset)))

    def _announce(self, name: str) -> None:
        self.event("checkpoint", path=f"checkpoints/{name}")

    def _content(self, scheduled: bool) -> dict[str, Any]:
        return {
            "run": to_json(self.run),
            "fingerprint": self.dataset.fingerprint,
            "images_seen": self.state.images_seen,
            "skipped": self.state.skipped,
            "failures": self.state.failures,
            "elapsed_seconds": self.state.elapsed_seconds,
            "balances": [balance.gamma for balance in self.state.balances.values()],
            "tick": {"sums": self.tick.sums, "steps": self.tick.steps},
            "events_length": self.log.sync(),
            "scheduled": scheduled,
        }

    def _average(self) -> Any:
        return self.state.averages.players[self.run.ema_half_lives[0]]

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.tick.spend(name, time.perf_counter() - started)
