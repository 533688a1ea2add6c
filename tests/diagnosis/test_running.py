"""`diagnose` on tiny runs: what it writes, that it repeats itself, and that it touches nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nablagan.cli.main import main
from nablagan.data import open_dataset
from nablagan.diagnosis import diagnose
from nablagan.diagnosis.running import command
from nablagan.optim import Extragradient
from nablagan.training.run import DataSettings
from runs import ALONE, go, points, points_run, snapshot


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on points from a file, with all its checkpoints."""
    place = tmp_path_factory.mktemp("run")
    np.save(place / "points.npy", points().samples)
    run = points_run(data=DataSettings(str(place / "points.npy")), keep_checkpoints=9)
    go(place / "run", run, open_dataset(place / "points.npy"))
    return place / "run"


def without_time(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "time"}


def test_the_newest_checkpoint(directory: Path) -> None:
    before = snapshot(directory)
    (content,) = diagnose(directory, (), ALONE, samples=32)
    after = snapshot(directory)
    assert set(after) - set(before) == {"diagnosis/images-000000080.json"}
    assert all(after[name] == before[name] for name in before)
    assert json.loads(after["diagnosis/images-000000080.json"]) == json.loads(json.dumps(content, allow_nan=False))
    first, second = content["groups"]
    assert (first["samples"], second["samples"]) == (16, 16)
    assert first["step"]["values"] != second["step"]["values"]
    assert len(first["jacobian"]["values"]) == content["count"] == 6
    assert (content["path"]["from"], content["images_seen"]) == ("images-000000072", 80)
    assert max(map(abs, content["path"]["angles"])) <= 1
    assert (content["update"], content["move"]["linearised"]) == ("Alternating", "alternating")
    (again,) = diagnose(directory, (), ALONE, samples=32)
    assert without_time(again) == without_time(content)


def test_the_audit_is_of_the_run_s_own_next_update(directory: Path) -> None:
    """From one checkpoint to the next by the run itself: 72 to 80 images is one step."""
    from nablagan.training.reopening import load_state

    (content,) = diagnose(directory, (directory / "checkpoints/images-000000072",), ALONE, samples=1, count=1)
    start, end = (load_state(directory, directory / f"checkpoints/images-0000000{n}").game for n in (72, 80))
    for player, before, after in zip(
        ("generator", "discriminator"), start.point().split(start.sizes), end.point().split(end.sizes), strict=True
    ):
        length = ((after - before).norm() / before.norm()).item()
        assert content["move"][player]["relative_length"] == pytest.approx(length, rel=1e-6)


def test_another_update_is_linearised_as_a_simultaneous_step_in_float64_too(tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", points().samples)
    data = DataSettings(str(tmp_path / "points.npy"))
    run = points_run(data=data, update=Extragradient, images=8, dtype="float64")
    go(tmp_path / "run", run, open_dataset(tmp_path / "points.npy"))
    (content,) = diagnose(tmp_path / "run", (), ALONE, samples=1, count=2)
    assert (content["update"], content["move"]["linearised"]) == ("Extragradient", "simultaneous")


def test_words_for_people_json_for_programs_and_one_line_for_errors(directory: Path, capsys: Any) -> None:
    assert main(["diagnose", str(directory), "--samples", "1", "--count", "2"]) == 0
    told = capsys.readouterr()
    assert "At 80 images: " in told.out
    assert "two groups of 8 samples" in told.out
    assert f"report: {directory / 'report.html'}" in told.out
    assert 'id="diagnosis"' in (directory / "report.html").read_text(encoding="utf-8")
    options = ["--samples", "1", "--count", "1", "--checkpoint", "checkpoints/images-000000000", "--json"]
    assert main(["diagnose", str(directory), *options]) == 0
    (content,) = json.loads(capsys.readouterr().out)["diagnoses"]
    assert (content["images_seen"], content["path"]) == (0, None)
    for words, line in (
        (["--samples", "0"], "samples is 0: give a number >= 1"),
        (["--count", "0"], "count is 0: give a number >= 1"),
        (["--checkpoint", "absent"], "has no usable manifest.json"),
        (["--data", "absent"], "absent does not exist"),
        (["--data", "builtin:ring"], "was not made with these data"),
    ):
        assert main(["diagnose", str(directory), *words]) == 2
        told = capsys.readouterr().err
        assert line in told
        assert told.startswith("nablagan: error: ")
        assert told.count("\n") == 1
    assert main(["diagnose", str(directory.parent)]) == 2


def test_the_command_is_the_run_s_own_with_one_change(tmp_path: Path) -> None:
    recorded = {"command": ["__main__.py", "train", "--gamma", "1", "--data=x y", "--out", "runs/a", "--images", "9"]}
    (tmp_path / "environment.json").write_text(json.dumps(recorded))
    expected = f"nablagan train '--data=x y' --images 9 --gamma 3 --out {tmp_path}-changed"
    assert command(tmp_path, ["--gamma", "3"]) == expected
    assert command(tmp_path, []) is None
    (tmp_path / "environment.json").write_text(json.dumps({"command": ["mine.py"]}))
    assert command(tmp_path, ["--gamma", "3"]) is None
    (tmp_path / "environment.json").unlink()
    assert command(tmp_path, ["--gamma", "3"]) is None
