"""The verb `explain` on tiny trained runs."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nablagan import latent as ways
from nablagan.cli.main import main
from nablagan.training.restore import load_generator
from nablagan.training.sampling import latents
from runs import go, images_run, points_run

NAMES = [
    "local-most",
    "local-least",
    "averaged-most",
    "averaged-least",
    "averaged-samples",
    "ganspace",
    "sefa",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on 8x8 images of the classes a, b, c with a latent of 4."""
    directory = tmp_path_factory.mktemp("runs") / "images"
    go(directory, images_run(images=24))
    return directory


def explained(directory, capsys, *words):
    assert main(["explain", str(directory), *words, "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return json.loads(told.out)


def test_everything_is_drawn_told_and_put_into_the_report(run, capsys):
    assert main(["explain", str(run), "--count", "2", "--samples", "6"]) == 0
    told = capsys.readouterr()
    content = json.loads((run / "explanation/explain.json").read_text())
    assert [group["name"] for group in content["groups"]] == NAMES
    for group in content["groups"]:
        rows = 3 if group["name"] == "averaged-samples" else 2
        with Image.open(run / "explanation" / group["file"]) as picture:
            assert picture.height == rows * 50 + 2
        assert group["file"] in told.out
        assert np.allclose(np.linalg.norm(group["directions"], axis=1), 1, atol=1e-5)
    assert content["groups"][4]["classes"] == ["a", "b", "c"]
    assert "1/5 directions: local" in told.err
    assert "path length: " in told.out
    assert "squared_euclidean" in told.out
    page = (run / "report.html").read_text(encoding="utf-8")
    assert 'id="directions"' in page
    assert page.count('class="card strips"') == len(NAMES)


def test_the_numbers_are_those_of_the_library(run, capsys, tmp_path):
    content = explained(run, capsys, "--count", "2", "--samples", "5", "--seed", "3", "--out", str(tmp_path))
    groups = {group["name"]: group for group in content["groups"]}
    trained = load_generator(run)
    z, labels = latents(1000, 4, 3)[:5], torch.arange(5) % 3
    exact = ways.sensitive_directions(trained.generator, z, labels, count=2)
    assert groups["averaged-most"]["singular_values"] == pytest.approx(exact.singular_values.tolist())
    assert groups["averaged-least"]["values"] == pytest.approx(exact.least_values.tolist())
    np.testing.assert_allclose(groups["averaged-most"]["directions"], exact.most.tolist(), atol=1e-6)
    local = ways.sensitive_directions(trained.generator, z[:1], labels[:1], count=2)
    np.testing.assert_allclose(groups["local-most"]["directions"], local.most.tolist(), atol=1e-6)
    sefa = ways.weight_directions(trained.generator, z, labels, count=2)
    np.testing.assert_allclose(groups["sefa"]["directions"], sefa.directions.tolist(), atol=1e-6)
    assert groups["ganspace"]["layer"] == "stages.0"
    numbers = ways.condition_number(trained.generator, latents(1000, 4, 3)[:8], torch.arange(8) % 3)
    assert content["condition_numbers"] == pytest.approx(numbers.tolist())
    assert (content["path_length"]["pairs"], content["report"]) == (200, None)


def test_the_same_seed_gives_the_same_pictures_and_another_others(run, capsys, tmp_path):
    """Up to rounding, which depends on where in memory a tensor lies."""
    found = []
    for index, seed in enumerate("001"):
        out = tmp_path / str(index)
        content = explained(run, capsys, "--count", "1", "--samples", "2", "--seed", seed, "--out", str(out))
        pixels = np.asarray(Image.open(out / "local-most.png"), int)
        found.append((np.array(content["groups"][2]["directions"]), pixels))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-5)
    assert np.abs(found[0][1] - found[1][1]).max() <= 2
    assert np.abs(found[0][0] - found[2][0]).max() > 1e-2
    assert found[0][1].shape != found[2][1].shape or np.abs(found[0][1] - found[2][1]).max() > 50


def test_one_class_and_an_early_checkpoint(run, capsys, tmp_path):
    early = sorted(path.name for path in (run / "checkpoints").iterdir() if path.is_dir())[0]
    words = ["--count", "1", "--samples", "2", "--out", str(tmp_path)]
    content = explained(run, capsys, *words, "--class", "b", "--checkpoint", f"checkpoints/{early}")
    assert content["images_seen"] == int(early.removeprefix("images-"))
    assert content["class"] == "b"
    assert {name for group in content["groups"] for name in group["classes"]} == {"b"}
    assert explained(run, capsys, *words, "--class", "1")["class"] == "b"


def test_a_run_without_classes_in_float64(tmp_path, capsys):
    go(tmp_path / "run", images_run(images=8, conditional=False, dtype="float64"))
    content = explained(tmp_path / "run", capsys, "--count", "1", "--samples", "2")
    assert (content["conditional"], content["class"]) == (False, None)
    assert len(content["groups"][4]["rows"]) == 6
    assert main(["explain", str(tmp_path / "run"), "--class", "0"]) == 2
    assert "without labels: leave the class out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--count", "0"], "count is 0: give 1 to 4"),
        (["--count", "5"], "count is 5: give 1 to 4"),
        (["--samples", "0"], "samples is 0"),
        (["--seed", "-1"], "seed is -1"),
        (["--class", "d"], "no class 'd': this run has a, b, c"),
        (["--checkpoint", "checkpoints/none"], "none"),
        (["--out", "FILE"], "choose another --out"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(run, words, expected, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["explain", str(run), *(str(tmp_path / "file") if word == "FILE" else word for word in words)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("nablagan: error: ")
    assert expected in lines[-1]


def test_points_are_refused_in_words(tmp_path, capsys):
    go(tmp_path / "run", points_run(images=8))
    assert main(["explain", str(tmp_path / "run")]) == 2
    assert "this run makes points" in capsys.readouterr().err


def test_json_has_no_infinity(run, capsys, tmp_path, monkeypatch: Any):
    monkeypatch.setattr(ways, "condition_number", lambda *_: torch.tensor([math.inf, 2.0]))
    content = explained(run, capsys, "--count", "1", "--samples", "1", "--out", str(tmp_path))
    assert content["condition_numbers"] == [None, 2.0]
