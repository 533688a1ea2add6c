"""The verb `evaluate`, and `train --evaluate-every`, on tiny runs and an extractor that needs no weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from judging import judge
from nablagan.cli.main import main
from nablagan.evaluation import opening
from nablagan.training.best import best_name
from runs import events

TRAIN = ["train", "--data", "builtin:ring", "--images", "2k", "--size", "tiny", "--no-derivative-check"]


@pytest.fixture(autouse=True)
def sums(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every extractor is the one of `judging`; the cache is the test's own."""
    monkeypatch.setattr(opening, "open_extractor", lambda *_, **__: judge(Path()).extractor)
    monkeypatch.setenv("NABLAGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def arrays(directory: Path, **counts: int) -> list[str]:
    """NAME.npy of uint8 images, COUNT of them, 8x8 grey."""
    paths = []
    for seed, (name, count) in enumerate(counts.items()):
        images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)
        paths.append(str(directory / f"{name}.npy"))
        np.save(paths[-1], images)
    return paths


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 60 images of a file, evaluated as it is trained."""
    directory = tmp_path_factory.mktemp("runs")
    (data,) = arrays(directory, data=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "open_extractor", lambda *_, **__: judge(Path()).extractor)
        patch.setenv("NABLAGAN_CACHE", str(directory / "cache"))
        options = ["--images", "512", "--size", "tiny", "--no-derivative-check", "--out", str(directory / "run")]
        evaluation = [
            "--evaluate-every",
            "128",
            "--evaluate-count",
            "40",
            "--evaluate-share",
            "1",
            "--best",
            "coverage",
        ]
        assert main(["train", "--data", data, *options, *evaluation, "--json"]) == 0
    return directory / "run"


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What the verb prints as JSON."""
    capsys.readouterr()
    assert main(["evaluate", *words, "--json"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return json.loads(output.out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line on standard error of wrong input."""
    capsys.readouterr()
    assert main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    return output.err


def test_training_was_evaluated_and_the_best_kept(run: Path):
    found = events(run, "evaluation")
    assert [event["images_seen"] for event in found] == [128, 256, 384, 512]
    assert all(event["protocol"]["count"] == 40 and event["by"] == "coverage" for event in found)
    assert all(len(event["intervals"]["coverage"]) == 2 for event in found)
    values = [event["measures"]["coverage"] for event in found]
    assert best_name(run / "checkpoints") == f"images-{found[int(np.argmax(values))]['images_seen']:09d}"


def test_a_second_evaluation_does_not_replace_the_first(run: Path, capsys: pytest.CaptureFixture[str]):
    files = [told(capsys, str(run), "--count", count, "--seed", "9")["files"][0] for count in ("30", "40", "30")]
    assert files[0] == files[2] != files[1]
    assert [json.loads(Path(file).read_text())["count"] for file in files] == [30, 40, 30]


def test_a_run_is_evaluated_written_and_reported(run: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", str(run)]) == 0
    output = capsys.readouterr().out
    for words in ("against data (the training data)", "Kernel distance", "less is better", "60 generated samples"):
        assert words in output
    assert "memorisation: not tested" in output
    record = json.loads(next((run / "evaluations").glob("images-000000512-sums-data-60-seed0-*.json")).read_text())
    assert record["count"] == 60
    assert (run / "evaluations" / record["picture"]).is_file()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert 'id="evaluation"' in page
    assert "Coverage while training" in page


def test_the_same_command_gives_the_same_record_but_for_times(run: Path, capsys: pytest.CaptureFixture[str]):
    first, second = (told(capsys, str(run), "--count", "30", "--seed", "4") for _ in range(2))
    assert first.pop("time").keys() == second.pop("time").keys() == {"unix", "seconds"}
    assert first == second
    assert (first["count"], first["seed"]) == (30, 4)


def test_the_best_and_another_average_may_be_chosen(run: Path, capsys: pytest.CaptureFixture[str]):
    best = told(capsys, str(run), "--checkpoint", "best", "--out", str(run / "best.json"))
    assert f"images-{best['generated']['images_seen']:09d}" == best_name(run / "checkpoints")
    assert (run / "best.png").is_file()
    assert main(["sample", str(run), "--checkpoint", "best", "--count", "2", "--out", str(run / "drawn")]) == 0
    assert "no average with half-life 7" in refused(capsys, "evaluate", str(run), "--ema", "7")


def test_held_out_data_and_copies(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    _, other = arrays(tmp_path, same=60, other=50)
    record = told(capsys, str(run), "--against", other)
    assert record["against"]["role"] == "the data given"
    assert 0 <= record["memorisation"]["p_value"] <= 1
    assert record["count"] == 50


def test_arrays_against_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    train, held, fake = arrays(tmp_path, train=80, held=40, fake=50)
    record = told(capsys, fake, "--against", held, "--train", train, "--out", str(tmp_path / "a.json"))
    assert record["count"] == 40
    assert record["memorisation"]["p_value"] > 0.001
    copied = told(capsys, train, "--against", held, "--train", train, "--out", str(tmp_path / "b.json"))
    assert copied["memorisation"]["p_value"] < 0.001
    pair = [str(tmp_path / name) for name in ("a.json", "b.json")]
    assert told(capsys, *pair)["first"] == record["metrics"]
    assert main(["evaluate", *pair]) == 0
    assert "a.json" in capsys.readouterr().out
    told(capsys, fake, "--against", held, "--count", "30", "--out", str(tmp_path / "c.json"))
    line = refused(capsys, "evaluate", pair[0], str(tmp_path / "c.json"))
    assert "cannot be compared: the numbers of samples differ (40 and 30)" in line


def test_real_images_are_brought_to_the_size_of_the_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (fake,) = arrays(tmp_path, fake=30)
    np.save(tmp_path / "large.npy", np.random.default_rng(9).integers(0, 256, (30, 3, 16, 16), np.uint8))
    record = told(capsys, fake, "--against", str(tmp_path / "large.npy"))
    assert record["against"]["shape"] == [1, 8, 8]
    assert "brought to 8 x 8 with 1 channels" in record["notes"][0]


def test_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert (
        main([*TRAIN, "--out", str(tmp_path / "run"), "--evaluate-every", "1k", "--evaluate-count", "100", "--json"])
        == 0
    )
    record = told(capsys, str(tmp_path / "run"), "--count", "200")
    assert record["extractor"]["name"] == "points"
    assert events(tmp_path / "run", "evaluation")[-1]["protocol"]["extractor"]["name"] == "points"
    line = refused(capsys, "evaluate", str(tmp_path / "run"), "--count", "200", "--extractor", "digits")
    assert "points" in line


def test_wrong_input_is_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one, few, real = arrays(tmp_path, one=1, few=10, real=40)
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "nan.npy", np.full((30, 2), np.nan, np.float32))
    for words, message in (
        ([str(tmp_path / "empty"), "--against", real], "empty"),
        ([one, "--against", real], "at least"),
        ([few, "--against", real], "20"),
        ([str(tmp_path / "nan.npy"), "--against", "builtin:ring"], "nan.npy"),
        ([real], "--against DATA"),
        ([real, "--against", "builtin:ring"], "shape"),
        ([real, "--against", real, "--count", "41"], "up to that"),
        ([real, "--against", real, "--count", "1"], "--count is 1"),
        ([real, "--against", real, "--seed", "-1"], "--seed is -1"),
        ([real, "--against", real, "--checkpoint", "best"], "no run"),
        ([real, "--against", real, "--choose", "side"], "NAME=VALUE"),
        ([str(run), "--resolution", "16"], "leave --resolution"),
        ([], "give one run"),
        ([real, real], "give one run"),
        ([str(tmp_path / "a.json"), str(tmp_path / "b.json")], "cannot be read"),
    ):
        assert message in refused(capsys, "evaluate", *words), words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--best", "coverag"], "did you mean coverage?"),
        (["--evaluate-count", "1"], "at least 2"),
        (["--evaluate-share", "0"], "part in (0, 1]"),
        (["--evaluate-extractor", "digits"], "points"),
    ],
)
def test_wrong_plans_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str):
    line = refused(capsys, *TRAIN, "--out", str(tmp_path / "run"), "--evaluate-every", "1k", *options)
    assert message in line


@pytest.mark.parametrize(
    "options",
    [
        ["--best", "coverage"],
        ["--evaluate-count", "1000"],
        ["--evaluate-share", "0.1"],
        ["--evaluate-extractor", "digits"],
        ["--evaluate-weights", "file.pth"],
        ["--evaluate-choose", "side=112"],
    ],
)
def test_options_about_evaluations_that_are_not_made_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
):
    line = refused(capsys, *TRAIN, "--out", str(tmp_path / "run"), *options)
    assert f"{options[0]} needs evaluations while training: add --evaluate-every N" in line
