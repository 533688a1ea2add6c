"""The examples run as they stand, in very few steps."""

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs an example with arguments; what it prints, and the size of its picture."""

    def go(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments, "--out", str(tmp_path / "picture.png")])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        with Image.open(tmp_path / "picture.png") as picture:
            return capsys.readouterr().out, picture.size

    return go


def test_autoencoder(run):
    printed, (width, height) = run("autoencoder.py", "--steps", "2")
    assert printed.startswith("held-out digits: mean squared error ")
    assert width < height


def test_adversarial_flow(run):
    printed, (width, height) = run("adversarial_flow.py", "--pretraining", "2", "--steps", "1", "--warmup", "1")
    assert printed.count("sliced Wasserstein distance") == 2
    assert width > height


def test_the_autoencoder_is_as_short_as_promised():
    assert len((EXAMPLES / "autoencoder.py").read_text(encoding="utf-8").splitlines()) <= 40
