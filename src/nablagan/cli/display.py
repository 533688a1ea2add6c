"""What a person sees while work goes on: bars on a terminal, plain lines elsewhere, nothing when quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nablagan.training.loop import State
    from nablagan.training.run import Run

FEW_SECONDS = 10.0
"""Between two plain lines."""


def finding_line(event: dict[str, Any]) -> str:
    """What the doctor found, on what evidence, and what to change."""
    if event["status"] == "cleared":
        return f"doctor: {event['title']}: passed"
    evidence = "; ".join(item["words"] for item in event["evidence"])
    change = " ".join(event["advice"]["options"])
    words = event["advice"]["words"]
    return f"doctor: {event['title']} ({evidence}). {words[:1].upper()}{words[1:]}: {change}"


def evaluation_line(event: dict[str, Any]) -> str:
    """The measure that the best checkpoint is told by, with its interval, and what it cost."""
    name, value = event["by"], event["measures"].get(event["by"])
    low, high = event.get("intervals", {}).get(name) or (None, None)
    interval = "" if low is None or high is None else f" ({low:.4g} to {high:.4g})"
    best = ", the best yet" if event["best"] else ""
    told = "not finite" if value is None else f"{value:.4g}"
    return (
        f"evaluation: {name.replace('_', ' ')} {told}{interval} at {event['images_seen']:,} images{best}; "
        f"{event['time']['seconds']:.1f} s"
    )


TOLD = {
    "finding": finding_line,
    "evaluation": evaluation_line,
    "warning": lambda event: f"warning: {event['message']}",
    "rollback": lambda event: f"rolled back to {event['to']:,} images: {event['reason']}",
    "resume": lambda event: f"going on from {event['images_seen']:,} images",
}
"""Events that are worth a line."""


@contextmanager
def data_progress(quiet: bool = False) -> Iterator[Callable[[int, int, str], None] | None]:
    """A callback (done, total, text) that draws a bar on standard error when people watch it, else None."""
    if quiet or not is_watched():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(done: int, total: int, text: str) -> None:
            if text not in tasks:
                tasks[text] = bars.add_task(text, total=total)
            bars.update(tasks[text], completed=done)

        yield show


@contextmanager
def work_progress(quiet: bool = False) -> Iterator[Callable[[int, int, str], None] | None]:
    """As `data_progress`, for work of minutes: where no terminal is, a plain line every few seconds."""
    with data_progress(quiet) as bar:
        yield bar or (None if quiet or sys.stderr is None else plain_progress())


def plain_progress() -> Callable[[int, int, str], None]:
    """A callback (done, total, text) that prints a line on standard error when the last is old."""
    told_at = time.monotonic()

    def show(done: int, total: int, text: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= FEW_SECONDS:
            told_at = time.monotonic()
            with suppress(OSError):
                print(f"{text}: {done:,}/{total:,}", file=sys.stderr, flush=True)

    return show


def training_display(run: "Run", directory: Path, quiet: bool) -> "Silent":
    """The display for this standard error."""
    if quiet or sys.stderr is None:  # closed by the shell's 2>&-
        return Silent()
    return Bar(run, directory) if is_watched() else Lines(run, directory)


def is_watched() -> bool:
    """Whether standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


class Silent:
    """Shows nothing; the interface of the displays."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, state: "State") -> None:
        """Training has made a step."""

    def event(self, event: dict[str, Any]) -> None:
        """Something was logged."""


class Lines(Silent):
    """A line at the start, every few seconds and at what is worth telling."""

    def __init__(self, run: "Run", directory: Path) -> None:
        self.run, self.directory = run, directory
        self.speed = Speed(run.images)
        self.told_at = time.monotonic()
        self.vitals = ""
        """The last probe's, in a few words."""

    def __enter__(self) -> "Lines":
        self.say(f"{self.run.recipe} on {self.run.data.source}, {self.run.images:,} images, in {self.directory}")
        return self

    def step(self, state: "State") -> None:
        """A line when the last is old."""
        self.speed.add(state.images_seen)
        if time.monotonic() - self.told_at >= FEW_SECONDS:
            self.told_at = time.monotonic()
            self.say(f"{state.images_seen:,}/{self.run.images:,} images  {self.speed}  {figures(state)}{self.vitals}")

    def event(self, event: dict[str, Any]) -> None:
        """A line for what went wrong, was found or resumed; a probe's figures go into the progress line."""
        if event["kind"] == "probe":
            self.vitals = vitals(event["measures"]) or self.vitals
        if event["kind"] in TOLD:
            self.say(TOLD[event["kind"]](event))

    def say(self, line: str) -> None:
        """Print the line at once. When the terminal or pipe has gone, training goes on: events.jsonl tells all."""
        with suppress(OSError):
            print(line, file=sys.stderr, flush=True)


class Bar(Lines):
    """A bar with images, speed, time left, losses and gradient norms."""

    def __enter__(self) -> "Bar":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.completed:,}/{task.total:,}"), BarColumn(None), TextColumn("{task.fields[text]}"))
        self.bars = Progress(*columns, console=Console(stderr=True), refresh_per_second=4)
        self.task = self.bars.add_task("training", total=self.run.images, text="")
        self.bars.start()
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.bars.stop()

    def step(self, state: "State") -> None:
        """Move the bar."""
        self.speed.add(state.images_seen)
        self.bars.update(self.task, completed=state.images_seen, text=f"{self.speed}  {figures(state)}{self.vitals}")

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        with suppress(OSError):
            self.bars.console.print(line, markup=False, highlight=False)


class Speed:
    """Images a second over the last seconds, and the time left."""

    def __init__(self, images: int) -> None:
        self.images = images
        self.times: list[tuple[float, int]] = []

    def add(self, images_seen: int) -> None:
        """Count a step."""
        self.times = [*self.times[-200:], (time.monotonic(), images_seen)]

    def __str__(self) -> str:
        """Such as "712 images/s  1:23 left"."""
        (start, first), (end, last) = self.times[0], self.times[-1]
        if end <= start or last <= first:
            return ""
        speed = (last - first) / (end - start)
        minutes, seconds = divmod(round(max(self.images - last, 0) / speed), 60)  # the last step may go beyond
        left = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"
        return f"{speed:,.0f} images/s  {left} left"


TERMS = ("reconstruction", "hole", "cycle", "contrast")
"""Measures of generators that start from images which the progress line shows."""


def figures(state: "State") -> str:
    """Losses and gradient norms of the last step in a few words, and how far outputs are from what they should be."""
    names = {
        "G": ("generator_loss", "generator_gradient_norm"),
        "D": ("discriminator_loss", "discriminator_gradient_norm"),
    }
    parts = (
        f"{player} {state.measures[loss]:.3f} |∇| {state.measures[norm]:.2g}" for player, (loss, norm) in names.items()
    )
    terms = (f"{name} {state.measures[name]:.3f}" for name in TERMS if name in state.measures)
    return "  ".join([*parts, *terms])


def vitals(measures: dict[str, Any]) -> str:
    """What the last probe saw, in a few words; empty for an audit alone."""
    names = {"variety": "diversity", "distance": "sample_distance", "ranking": "overlap"}
    parts = [f"{word} {measures[name]:.2f}" for word, name in names.items() if measures.get(name) is not None]
    return f"  {'  '.join(parts)}" if parts else ""
