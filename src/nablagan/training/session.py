"""A run in its directory: start or resume, train, log, draw, save, roll back, stop."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nablagan.data.dataset import Dataset
from nablagan.data.sampler import Sampler
from nablagan.players import parameter_count
from nablagan.training import sampling
from nablagan.training.checkpoint import keep_newest, load_newest, save_checkpoint
from nablagan.training.engine import Engine
from nablagan.training.environment import describe_environment
from nablagan.training.events import EventLog
from nablagan.training.files import locked, write_json
from nablagan.training.loop import Diverged, State, prepare, steps
from nablagan.training.run import FORMAT, Run, to_json
from nablagan.training.signals import Signals
from nablagan.types import InputError

MOST_ROLLBACKS = 3
"""A run that has been rolled back this often, or twice at one step, is given up."""


@dataclass(frozen=True)
class Result:
    """How a session ended."""

    status: str
    """`done`, `stopped` (may be resumed) or `failed`."""
    images_seen: int
    reason: str = ""
    signal: int = 0


@dataclass(frozen=True)
class Limits:
    """What ends a session before the run's last image."""

    seconds: float | None = None
    """Wall-clock seconds of training, counted over all sessions of the run."""


def train(
    run: Run,
    directory: Path,
    dataset: Dataset,
    engine: Engine,
    limits: Limits = Limits(),
    listeners: tuple[Callable[[dict[str, Any]], None], ...] = (),
    on_step: Callable[[State], None] = lambda state: None,
) -> Result:
    """Train `run` in `directory`, from its newest sound checkpoint if there is one, and say how it ended.

    Every process calls it; the leading one owns and writes the directory. `listeners` hear each event, `on_step` each
    step. Raises InputError if the directory is in use, or belongs to another run or data set.
    """
    check_divisible(run, engine)
    state = prepare(run, dataset.shape, len(dataset.classes), engine)
    with ExitStack() as stack:
        if engine.leads:
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(directory))
        engine.wait()
        session = Session(state, directory, dataset, engine, listeners)
        stack.callback(session.close)
        session.open()
        with Signals() as signals:
            return session.play(signals, limits, on_step)


class Session:
    """The caller's side of the training loop: what is logged, drawn and saved, and when."""

    def __init__(
        self,
        state: State,
        directory: Path,
        dataset: Dataset,
        engine: Engine,
        listeners: tuple[Callable[[dict[str, Any]], None], ...],
    ) -> None:
        self.state, self.run, self.directory = state, state.run, directory
        self.dataset, self.engine, self.listeners = dataset, engine, listeners
        self.sampler = Sampler(
            dataset,
            self.run.batch_size,
            self.run.latent_size,
            self.run.seed,
            self.run.conditional,
            engine.rank,
            engine.processes,
            engine.device,
            self.run.torch_dtype,
        )
        self.log: EventLog | None = None
        self.tick = Tick()
        self.elapsed = 0.0
        self.failures: list[int] = []
        self.saved_at = -1

    # --- opening and closing -------------------------------------------------------------------------------

    def open(self) -> None:
        """Resume from the newest sound checkpoint, or start and save the first one."""
        checkpoint, problems = load_newest(self.directory / "checkpoints")
        self.engine.wait()
        if checkpoint is not None:
            check_same_data(checkpoint.state["fingerprint"], self.dataset, self.directory)
        if self.engine.leads:
            write_json(self.directory / "config.json", {"format": FORMAT, **to_json(self.run)})
            write_json(self.directory / "data.json", self.dataset.description)
            write_json(self.directory / "environment.json", describe_environment(self.engine))
            for name in ("DONE", "FAILED"):
                (self.directory / name).unlink(missing_ok=True)
            (self.directory / "samples").mkdir(exist_ok=True)
            self.log = EventLog(self.directory / "events.jsonl", self.listeners)
        if checkpoint is None:
            self._start()
            return
        self._restore(checkpoint.tensors, checkpoint.state)
        self._event("resume", time={"unix": time.time()})
        for problem in problems:
            self._event("warning", message=f"{problem}; resumed from {checkpoint.path.name}")

    def close(self) -> None:
        """Close the event log."""
        if self.log is not None:
            self.log.close()

    def _start(self) -> None:
        if self.log is not None:
            self.log.cut(0)
        generator, discriminator = (parameter_count(player) for player in self.state.game.players)
        counts = {"generator": generator, "discriminator": discriminator}
        self._event("start", parameters=counts, time={"unix": time.time()})
        with self._stage("pictures"):
            if self.engine.leads:
                sampling.real_picture(self.run, self.dataset).save(self.directory / "samples/real.png")
            self._draw()
        self._save()

    # --- training ------------------------------------------------------------------------------------------

    def play(self, signals: Signals, limits: Limits, on_step: Callable[[State], None]) -> Result:
        """Train to the end, a stop, or the last rollback."""
        while True:
            try:
                reason = self._train(signals, limits, on_step)
            except Diverged as failure:
                if not self._roll_back(failure):
                    return self._fail(failure)
                continue
            if reason:
                return self._stop(reason, signals.received)
            return self._finish()

    def _train(self, signals: Signals, limits: Limits, on_step: Callable[[State], None]) -> str:
        """Until the run's last image ("") or a reason to stop before it."""
        last = time.perf_counter()
        for state in steps(self.state, self.sampler):
            self.tick.add(state)
            self._at_boundaries(state.images_seen)
            on_step(state)
            now = time.perf_counter()
            self.elapsed, last = self.elapsed + now - last, now
            late = limits.seconds is not None and self.elapsed >= limits.seconds
            stop = self.engine.agree(2 if signals.received else int(late))
            if stop and state.images_seen < self.run.images:
                return "signal" if stop == 2 else f"--seconds {limits.seconds:g} are over"
        return ""

    def _at_boundaries(self, images_seen: int) -> None:
        run, ends = self.run, images_seen >= self.run.images
        if self._crossed(run.tick_images) or ends:
            self._report_tick()
        if self._crossed(run.picture_images) or ends:
            with self._stage("pictures"):
                self._draw()
        if self._crossed(run.checkpoint_images) or ends:
            self._save()

    def _crossed(self, interval: int) -> bool:
        seen = self.state.images_seen
        return seen // interval > (seen - self.run.batch_size) // interval

    def _roll_back(self, failure: Diverged) -> bool:
        """Return to the newest sound checkpoint and pass over the data since; False if there is no point in it."""
        repeated = failure.images_seen in self.failures
        self.failures.append(failure.images_seen)
        if repeated or len(self.failures) > MOST_ROLLBACKS:
            return False
        checkpoint, _ = load_newest(self.directory / "checkpoints")
        self.engine.wait()
        assert checkpoint is not None, "the first checkpoint is saved before training"
        failures, elapsed, skipped = self.failures, self.elapsed, self.state.skipped
        self._restore(checkpoint.tensors, checkpoint.state)
        self.failures, self.elapsed = failures, elapsed
        self.state.skipped = skipped + failure.images_seen - self.state.images_seen + self.run.batch_size
        self._event("rollback", failed_at=failure.images_seen, to=self.state.images_seen, reason=failure.reason)
        self._save()
        return True

    # --- endings -------------------------------------------------------------------------------------------

    def _finish(self) -> Result:
        if self.engine.leads:
            with self._stage("pictures"):
                self._draw_walk()
        self._end("done")
        self._mark("DONE", "done", "")
        return Result("done", self.state.images_seen)

    def _stop(self, reason: str, number: int) -> Result:
        if self.saved_at != self.state.images_seen:
            self._save()
        self._end("stopped", reason)
        return Result("stopped", self.state.images_seen, reason, number)

    def _fail(self, failure: Diverged) -> Result:
        reason = f"diverged at {failure.images_seen} images: {failure.reason} ({len(self.failures)} times)"
        self._event("end", status="failed", reason=reason, time={"unix": time.time()})
        self._mark("FAILED", "failed", reason)
        return Result("failed", failure.images_seen, reason)

    def _end(self, status: str, reason: str = "") -> None:
        self._event("end", status=status, reason=reason, time={"unix": time.time(), "elapsed_seconds": self.elapsed})

    def _mark(self, name: str, status: str, reason: str) -> None:
        if self.engine.leads:
            content = {"status": status, "images_seen": self.state.images_seen, "reason": reason}
            write_json(self.directory / name, content)

    # --- what is written -----------------------------------------------------------------------------------

    def _event(self, kind: str, **content: Any) -> None:
        if self.log is not None:
            self.log.write(kind, self.state.images_seen, **content)

    def _report_tick(self) -> None:
        rates = {
            f"{name}_learning_rate": optimizer.param_groups[0]["lr"]
            for name, optimizer in (
                ("generator", self.state.update.generator_optimizer),
                ("discriminator", self.state.update.discriminator_optimizer),
            )
        }
        weights = {
            f"penalty_weight_{setting.penalty.__name__}": setting.weight(self.state.images_seen)
            for setting in self.run.penalties
        }
        self._event("tick", measures=self.tick.means() | rates | weights, time=self.tick.times(self.elapsed))
        self.tick = Tick()

    def _draw(self) -> None:
        if not self.engine.leads:
            return
        name = f"samples/images-{self.state.images_seen:09d}.png"
        picture = sampling.samples_picture(self._average(), self.run, self.dataset)
        picture.save(self.directory / name)
        self._event("samples", file=name)

    def _draw_walk(self) -> None:
        if self.dataset.is_images:
            frames = sampling.walk(self._average(), self.run, len(self.dataset.classes))
            sampling.save_walk(frames, self.directory / "samples/walk.gif")

    def _average(self) -> Any:
        return self.state.averages.players[self.run.ema_half_lives[0]]

    def _save(self) -> None:
        if self.log is not None:
            with self._stage("checkpoints"):
                content = self._content(self.log.sync())
                path = save_checkpoint(
                    self.directory / "checkpoints", self.state.images_seen, self.state.tensors(), content
                )
                keep_newest(self.directory / "checkpoints", self.run.keep_checkpoints)
            self._event("checkpoint", path=f"checkpoints/{path.name}")
        self.saved_at = self.state.images_seen
        self.engine.wait()

    def _content(self, events_length: int) -> dict[str, Any]:
        return {
            "images_seen": self.state.images_seen,
            "skipped": self.state.skipped,
            "elapsed_seconds": self.elapsed,
            "failures": self.failures,
            "events_length": events_length,
            "tick": {"sums": self.tick.sums, "steps": self.tick.steps},
            "fingerprint": self.dataset.fingerprint,
        }

    def _restore(self, tensors: dict[str, Any], content: dict[str, Any]) -> None:
        self.state.load(tensors)
        self.state.images_seen, self.state.skipped = content["images_seen"], content["skipped"]
        self.elapsed, self.failures = content["elapsed_seconds"], list(content["failures"])
        self.tick = Tick(dict(content["tick"]["sums"]), content["tick"]["steps"])
        if self.log is not None:
            self.log.cut(content["events_length"])
            self._event("checkpoint", path=f"checkpoints/images-{self.state.images_seen:09d}")

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.tick.spend(name, time.perf_counter() - started)


class Tick:
    """Sums of measures and seconds since the last tick event."""

    def __init__(self, sums: dict[str, float] | None = None, steps: int = 0) -> None:
        self.sums, self.steps = sums or {}, steps
        self.images = 0
        self.seconds: dict[str, float] = {}
        self.started = time.perf_counter()

    def add(self, state: State) -> None:
        """Count one step."""
        for name, value in state.measures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        for name, value in state.seconds.items():
            self.spend(name, value)
        self.steps += 1
        self.images += state.run.batch_size

    def spend(self, stage: str, seconds: float) -> None:
        """Count seconds of a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def means(self) -> dict[str, float]:
        """Mean of each measure over the tick's steps."""
        return {name: value / self.steps for name, value in self.sums.items()}

    def times(self, elapsed: float) -> dict[str, Any]:
        """The tick's speed, memory and seconds by stage."""
        span = time.perf_counter() - self.started
        return {
            "elapsed_seconds": elapsed,
            "images_per_second": self.images / span,
            "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "stages": self.seconds,
        }


def check_divisible(run: Run, engine: Engine) -> None:
    """Raise InputError unless the global batch splits evenly over the processes and nothing couples its samples."""
    if run.batch_size % engine.processes:
        raise InputError(f"batch size {run.batch_size} does not divide into {engine.processes} processes")
    if engine.processes > 1 and run.loss.__name__ == "relativistic_average":
        raise InputError(
            "the relativistic_average loss uses means over the whole batch, which processes do not share: "
            "use --loss relativistic, or one process"
        )


def check_same_data(fingerprint: str, dataset: Dataset, directory: Path) -> None:
    """Raise InputError if the data set is not the one that the run began with."""
    if fingerprint != dataset.fingerprint:
        raise InputError(
            f"the data have changed since {directory} was begun (fingerprint {fingerprint[:12]}..., now "
            f"{dataset.fingerprint[:12]}...): restore them, or train into another --out"
        )
