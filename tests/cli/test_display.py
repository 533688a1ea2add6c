"""What is shown while training goes on, and that training outlives whoever looked at it."""

import errno
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from nablagan.cli import display
from nablagan.cli.display import Bar, Lines, Silent, Speed, data_progress, training_display, work_progress

RUN = SimpleNamespace(recipe="strided", images=1000, data=SimpleNamespace(source="builtin:digits"))
MEASURES = {
    "generator_loss": 0.5,
    "discriminator_loss": 1.25,
    "generator_gradient_norm": 3.0,
    "discriminator_gradient_norm": 0.01,
}


def state(images_seen: int) -> SimpleNamespace:
    return SimpleNamespace(images_seen=images_seen, measures=MEASURES)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closing(Terminal):
    """A terminal that is closed after the first words."""

    is_gone = False

    def write(self, text: str) -> int:
        if self.is_gone:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.is_gone = "strided" in text
        return len(text)


def shown(monkeypatch: pytest.MonkeyPatch, stream: object) -> Silent:
    monkeypatch.setattr(sys, "stderr", stream)
    with training_display(RUN, Path("run"), quiet=False) as show:
        show.step(state(100))
        show.event({"kind": "warning", "images_seen": 100, "message": "look here"})
        show.event({"kind": "tick", "images_seen": 100})
        show.step(state(200))
    return show


def test_plain_lines_where_no_terminal_is(monkeypatch):
    monkeypatch.setattr(display, "FEW_SECONDS", 0.0)
    stream = io.StringIO()
    assert type(shown(monkeypatch, stream)) is Lines
    lines = stream.getvalue().splitlines()
    assert lines[0] == "strided on builtin:digits, 1,000 images, in run"
    assert lines[2] == "warning: look here"
    assert lines[3].startswith("200/1,000 images")
    assert lines[3].endswith("G 0.500 |\u2207| 3  D 1.250 |\u2207| 0.01")


def test_generators_that_start_from_images_show_how_far_they_are():
    assert display.figures(state(0)).endswith("|∇| 0.01")
    for name in ("reconstruction", "hole", "cycle", "contrast"):
        seen = SimpleNamespace(images_seen=0, measures=MEASURES | {name: 0.1234})
        assert display.figures(seen).endswith(f"|∇| 0.01  {name} 0.123")


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    assert type(shown(monkeypatch, stream)) is Bar
    for words in ("200/1,000", "images/s", "left", "G 0.500", "D 1.250", "warning: look here"):
        assert words in stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_training_goes_on_when_the_reader_has_gone(monkeypatch, terminal):
    stream = Closing()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # of the thread that redraws the bar
    monkeypatch.setattr(display, "FEW_SECONDS", 0.0)
    shown(monkeypatch, stream)
    assert stream.is_gone


def test_nothing_is_shown_where_standard_error_is_closed(monkeypatch):
    assert type(shown(monkeypatch, None)) is Silent
    with data_progress() as progress:
        assert progress is None


def test_long_work_tells_a_plain_line_every_few_seconds_where_no_terminal_is(monkeypatch):
    stream, seconds = io.StringIO(), iter([0.0, 9.0, 10.5, 10.5, 11.0])
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(display.time, "monotonic", lambda: next(seconds))
    with work_progress() as progress:
        for done in (1, 1000, 1001):
            progress(done, 2000, "spectrum")
    assert stream.getvalue() == "spectrum: 1,000/2,000\n"
    with work_progress(quiet=True) as progress:
        assert progress is None


def test_speed_and_time_left(monkeypatch):
    seconds = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(seconds))
    speed = Speed(500)
    speed.add(0)
    assert str(speed) == ""
    speed.add(2)
    assert str(speed) == "2 images/s  4:09 left"
    speed.add(512)
    assert str(speed) == "256 images/s  0:00 left"
