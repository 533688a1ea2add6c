"""`nablagan compare` on tiny data: goes on where it stopped, refuses other settings, tells failures."""

import json

import numpy as np
import pytest

from nablagan.cli import main
from nablagan.comparison.budget import Evaluations
from nablagan.training.loop import Diverged

TINY = ["compare", "--resolution", "8", "--evaluations", "256", "--count", "60", "--only", "vae,ddpm", "--seeds", "1"]


@pytest.fixture
def command(tmp_path):
    return [*TINY, "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--train-only", "--json"]


def test_it_trains_and_goes_on(command, tmp_path, capsys):
    assert main(command) == 0
    trained = json.loads(capsys.readouterr().out)["trained"]
    assert [(r["candidate"], r["status"], r["images"]) for r in trained] == [
        ("vae", "done", 128),
        ("ddpm", "done", 256),
    ]
    samples = tmp_path / "out" / "vae-seed0" / "samples-decoder.npy"
    assert (np.load(samples).shape, np.load(samples).dtype) == ((60, 1, 8, 8), np.uint8)
    before = samples.stat().st_mtime_ns
    assert main(command) == 0
    assert samples.stat().st_mtime_ns == before
    assert main([*command, "--evaluations", "512"]) == 2
    assert "was begun with budget" in capsys.readouterr().err
    record, result = (tmp_path / "out" / "vae-seed0" / name for name in ("training.json", "result.json"))
    result.write_text("{}")
    record.write_text("{")
    assert main(command) == 2
    assert "training.json cannot be read" in capsys.readouterr().err
    record.unlink()
    assert main(command) == 0
    assert record.exists()
    assert not result.exists()  # figures of samples that are gone


def test_what_failed_is_tried_again(command, tmp_path, capsys, monkeypatch):
    """It is no longer there to be kept when the next command runs without the fault."""

    def failing(*_):
        raise Diverged(64, "loss is nan")

    with monkeypatch.context() as patch:
        patch.setattr(Evaluations, "images", failing)
        assert main([*command, "--only", "vae"]) == 3  # all failed
    assert [row["status"] for row in json.loads(capsys.readouterr().out)["trained"]] == ["failed"]
    path = tmp_path / "out" / "vae-seed0" / "training.json"
    assert json.loads(path.read_text())["reason"] == "loss is nan"
    assert main([*command, "--only", "vae"]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)["trained"]] == ["done"]
    assert json.loads(path.read_text())["status"] == "done"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--only", "gan"], "no candidate 'gan'"),
        (["--seeds", "0"], "--seeds is 0"),
        (["--threads", "0"], "--threads is 0"),
        (["--data", "builtin:ring"], "holds points"),
    ],
)
def test_wrong_input(command, extra, message, capsys):
    if "ring" in extra[-1]:
        command = [word for word in command if word not in ("--resolution", "8")]
    assert main([*command, *extra]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "message"), [(["--extractor", "digitz"], "digitz"), (["--count", "19"], "measuring needs 20")]
)
def test_what_cannot_be_measured_is_told_before_training(command, extra, message, tmp_path, capsys):
    command.remove("--train-only")
    assert main([*command, *extra]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "vae-seed0").exists()
