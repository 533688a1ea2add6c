"""A run in its directory: start or resume, train, log, draw, save, roll back, stop."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from torch import Tensor

from nablagan.checking import DerivativeCheck, derivative_check
from nablagan.data.dataset import Dataset
from nablagan.training import checks
from nablagan.training.checkpoint import Checkpoint, load_newest
from nablagan.training.engine import Engine
from nablagan.training.evaluating import Evaluating, evaluate, name_best
from nablagan.training.events import Listener
from nablagan.training.loop import Diverged, State, check_tensors_finite, crosses, prepare, sampler_of, steps
from nablagan.training.probing import Probes
from nablagan.training.restore import load_found
from nablagan.training.run import Run
from nablagan.training.signals import Signals
from nablagan.training.tick import Tick
from nablagan.training.writer import Writer, owned
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
    """Its number if a signal stopped it, the same in every process."""
    trouble: bool = False
    """Whether the doctor stopped it."""


@dataclass(frozen=True)
class Limits:
    """What ends a session before the run's last image."""

    seconds: float | None = None
    """Wall-clock seconds of training, counted over all sessions of the run."""


class OnTrouble(Enum):
    """What follows when the doctor begins to find something; the finding is recorded in any case."""

    ADVISE = "advise"
    """Nothing else."""
    STOP = "stop"
    """The session ends, its moment saved."""
    ROLLBACK = "rollback"
    """As after a divergence: back to the newest checkpoint, on with other data and latents, given up in the end."""


def train(
    run: Run,
    directory: Path,
    dataset: Dataset,
    engine: Engine,
    limits: Limits = Limits(),
    listeners: tuple[Listener, ...] = (),
    on_step: Callable[[State], None] = lambda state: None,
    accept_changed_data: bool = False,
    init_from: Path | None = None,
    check_derivatives: bool = True,
    on_trouble: OnTrouble = OnTrouble.ADVISE,
    evaluating: Evaluating | None = None,
) -> Result:
    """Train `run` in `directory`, from its newest sound checkpoint if there is one, and say how it ended.

    Every process calls it; the leading one owns and writes the directory. `listeners` hear each event (in the leading
    process), `on_step` each step. A finished run goes on when more images are asked for, and is left alone otherwise.
    `init_from`, a run or one of its checkpoints, gives a new run its players. `check_derivatives`: the leading process
    begins a new run with `derivative_check` on its first batch, which changes nothing of the run. `evaluating`: what
    the leading process measures of the averaged generator meanwhile; the best checkpoint by it is kept as well.
    Raises InputError if the directory is in use, cannot be written, or belongs to another run or data set, and if a
    gradient is not the derivative of its loss.
    """
    checks.check_divisible(run, engine)
    checks.check_shared(run, engine)
    checks.check_labels(run, dataset)
    state = prepare(run, dataset.shape, len(dataset.classes), engine)
    checks.check_uncoupled(state.game.players, engine)
    with ExitStack() as stack:
        session = Session(state, directory, dataset, engine, listeners, on_trouble, evaluating)
        session.lead(lambda: stack.enter_context(owned(directory)))
        stack.callback(session.writer.close)
        signals = stack.enter_context(Signals())
        if finished := session.open(accept_changed_data, init_from, check_derivatives):
            return finished
        return session.play(signals, limits, on_step)


class Session:
    """The caller's side of the training loop: when it logs, draws, saves, rolls back and stops."""

    def __init__(
        self,
        state: State,
        directory: Path,
        dataset: Dataset,
        engine: Engine,
        listeners: tuple[Listener, ...],
        on_trouble: OnTrouble = OnTrouble.ADVISE,
        evaluating: Evaluating | None = None,
    ) -> None:
        self.state, self.run, self.directory = state, state.run, directory
        self.dataset, self.engine, self.on_trouble, self.evaluating = dataset, engine, on_trouble, evaluating
        self.writer = Writer(state, directory, dataset, engine, listeners)
        self.sampler = sampler_of(self.run, dataset, engine)
        self.probes = Probes(state, dataset, self.sampler) if engine.leads else None
        self.saved_at, self.trouble = -1, ""
        self.checked: tuple[DerivativeCheck, float] | None = None

    def lead(self, action: Callable[[], Any]) -> None:
        """The leading process does `action`, which writes. Raises InputError if the directory cannot be written."""

        def writing() -> None:
            try:
                action()
            except OSError as error:
                raise InputError(
                    f"{self.directory} cannot be written ({error}): make room or set its permissions, then give the "
                    "same command again"
                ) from error

        self.engine.lead(writing)

    # --- opening -------------------------------------------------------------------------------------------

    def open(
        self, accept_changed_data: bool, init_from: Path | None = None, check_derivatives: bool = True
    ) -> Result | None:
        """Resume from the newest sound checkpoint, or save the first one; a Result if there is nothing to do."""
        checkpoint, problems = load_newest(self.directory / "checkpoints")
        if checkpoint is None:
            self._check_untouched()
            if init_from is not None:
                self.state.start_from(load_found(init_from).tensors)
            self.engine.wait()
            if check_derivatives:
                self.engine.lead(self._check_derivatives)
            self.lead(lambda: self.writer.begin(init_from, self.checked))
            self.saved_at = self.state.images_seen
            return None
        warnings = [f"{problem}; resumed from {checkpoint.path.name}" for problem in problems]
        warnings += self._check(checkpoint, accept_changed_data)
        if checkpoint.state["images_seen"] >= self.run.images and (self.directory / "DONE").exists():
            return Result("done", checkpoint.state["images_seen"], "all its images have been seen")
        self.engine.wait()
        self._restore(checkpoint)
        self.lead(lambda: self.writer.go_on(checkpoint, warnings))
        self._name_best()
        return None

    def _check(self, checkpoint: Checkpoint, accept_changed_data: bool) -> list[str]:
        """Warnings. Raises InputError if the checkpoint is of another run or other data."""
        try:
            kept, images_seen = checkpoint.state["run"], checkpoint.state["images_seen"]
            changed = checkpoint.state["fingerprint"] != self.dataset.fingerprint
        except KeyError as error:
            raise InputError(f"checkpoint {checkpoint.path} is not of this version: it has no {error}") from error
        checks.check_same_run(kept, self.run, self.directory)
        checks.check_wanted(images_seen, self.run, self.directory)
        if changed and not accept_changed_data:
            raise checks.changed_data(self.dataset, self.directory)
        return ["the data have changed since the last session, which was accepted"] if changed else []

    def _check_derivatives(self) -> None:
        """What agreed, and the seconds that it took. Raises InputError for a gradient that is not the loss's."""
        started = time.perf_counter()
        found = derivative_check(self.state.game, self.sampler.batch(0))
        self.checked = found, time.perf_counter() - started

    def _check_untouched(self) -> None:
        """Raise InputError if there were checkpoints here: to start again would wipe the record of that run."""
        record = self.directory / "events.jsonl"
        if record.exists() and b'{"kind": "checkpoint"' in record.read_bytes():
            raise InputError(
                f"the checkpoints of {self.directory} are gone: put them back to resume, or train into another --out"
            )

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.state.load(checkpoint.tensors, checkpoint.state)
        self.writer.tick = Tick(checkpoint.state["tick"]["sums"], checkpoint.state["tick"]["steps"])
        self.saved_at = self.state.images_seen

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
                self.lead(lambda: self.writer.end("stopped", reason))  # noqa: B023
                number = self.engine.agree(signals.received)
                return Result("stopped", self.state.images_seen, reason, number, bool(self.trouble))
            self.lead(self.writer.finish)
            return Result("done", self.state.images_seen)

    def _train(self, signals: Signals, limits: Limits, on_step: Callable[[State], None]) -> str:
        """Until the run's last image ("") or a reason to stop before it, with that moment saved."""
        last = self.writer.tick.started = time.perf_counter()
        training = steps(self.state, self.sampler)
        while not (reason := self.trouble or self._reason_to_stop(signals, limits)):
            start = self.probes.start() if self.probes else None
            if (state := next(training, None)) is None:
                break
            self.writer.tick.add(state)
            self._probe(start)
            self._answer_trouble()
            self._at_boundaries()
            on_step(state)
            now = time.perf_counter()
            state.elapsed_seconds, last = state.elapsed_seconds + now - last, now
        if reason and self.saved_at != self.state.images_seen:
            self._save(scheduled=False)
        return reason

    def _reason_to_stop(self, signals: Signals, limits: Limits) -> str:
        """The same in every process, "" for none. A run that has seen its last image is not stopped."""
        late = limits.seconds is not None and self.state.elapsed_seconds >= limits.seconds
        stop = self.engine.agree(2 if signals.received else int(late))
        if not stop or self.state.images_seen >= self.run.images:
            return ""
        return "signal" if stop == 2 else f"--seconds {limits.seconds} are over"

    def _probe(self, start: Tensor | None) -> None:
        """The leading process takes what is due; where the players stood before the step is `start`."""

        def probing() -> None:
            assert self.probes is not None, "the leading process has them"
            if found := self.probes.found(start):
                self.writer.report_probe(found)

        intervals = filter(None, (self.run.probe_images, self.run.audit_images))
        if any(self._crossed(interval) for interval in intervals):
            self.lead(probing)

    def _answer_trouble(self) -> None:
        """Where something begins to be found, in every process: note it as a reason to stop, or raise Diverged."""
        if self.on_trouble is OnTrouble.ADVISE or not self.run.probe_images or not self._crossed(self.run.probe_images):
            return
        titles = [f"{found.title}; try {' '.join(found.advice.options)}" for found in self.writer.raised]
        self.writer.raised = []
        if self.engine.agree(int(bool(titles))):
            trouble = f"the doctor found: {', '.join(titles) or 'trouble, as the leading process says'}"
            if self.on_trouble is OnTrouble.ROLLBACK:
                raise Diverged(self.state.images_seen - self.run.batch_size, trouble)
            self.trouble = trouble

    def _at_boundaries(self) -> None:
        """Report, draw, evaluate and save where this step has crossed the interval, and at the end."""
        if self._crossed(self.run.tick_images):
            self.lead(self.writer.report_tick)
        if self._crossed(self.run.picture_images):
            check_tensors_finite(self.state)
            self.lead(self.writer.draw)
        is_best = self._evaluate()
        if is_best or self._crossed(self.run.checkpoint_images):
            self._save(self._crossed(self.run.checkpoint_images))
        if is_best:
            self._name_best()

    def _evaluate(self) -> bool:
        """Whether this moment is the best yet, where an evaluation is due; the same in every process."""
        if self.evaluating is None or not self._crossed(self.evaluating.images):
            return False
        plan, best = self.evaluating, []
        check_tensors_finite(self.state)
        self.lead(lambda: best.append(evaluate(plan, self.writer)))
        return bool(self.engine.agree(int(any(best))))

    def _name_best(self) -> None:
        if self.evaluating is not None:
            plan = self.evaluating
            self.lead(lambda: name_best(plan, self.writer))

    def _crossed(self, interval: int) -> bool:
        seen = self.state.images_seen
        return seen >= self.run.images or crosses(seen - self.run.batch_size, seen, interval)

    def _save(self, scheduled: bool = True) -> None:
        """Save this moment. Raises Diverged, in every process, rather than save what is not finite."""
        check_tensors_finite(self.state)
        self.lead(lambda: self.writer.save(scheduled))
        self.saved_at = self.state.images_seen

    # --- divergence ----------------------------------------------------------------------------------------

    def _roll_back(self, failure: Diverged) -> bool:
        """Return to the newest sound checkpoint and pass over the data since; False if there is no point in it."""
        failures = self.state.failures = [*self.state.failures, failure.images_seen]
        elapsed, position = self.state.elapsed_seconds, failure.images_seen + self.state.skipped
        if len(set(failures)) < len(failures) or len(failures) > MOST_ROLLBACKS:
            return False
        checkpoint, problems = load_newest(self.directory / "checkpoints")
        if checkpoint is None:
            raise InputError(f"the checkpoints of {self.directory} are gone: there is none to roll back to")
        self.engine.wait()
        self._restore(checkpoint)
        self.state.failures, self.state.elapsed_seconds = failures, elapsed
        self.state.skipped = position + self.run.batch_size - self.state.images_seen
        self.lead(lambda: self.writer.record_rollback(checkpoint, failure, problems))
        self._name_best()
        return True

    def _fail(self, failure: Diverged) -> Result:
        times = len(self.state.failures)
        reason = f"diverged at {failure.images_seen} images: {failure.reason} (divergence {times} of this run)"
        self.lead(lambda: self.writer.give_up(reason))
        return Result("failed", self.state.images_seen, reason)
