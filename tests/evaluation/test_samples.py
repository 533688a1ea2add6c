"""Both sides of an evaluation: chosen rows, generated samples, classes in the data's proportions."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from nablagan.evaluation.counterparts import counterpart
from nablagan.evaluation.samples import in_proportion, rows_of, samples_of_run
from nablagan.training.restore import load_generator
from nablagan.types import InputError
from runs import go, images, images_run, points_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "images"
    go(directory, images_run(images=24))
    description = json.loads((directory / "data.json").read_text())
    counts = {"class_counts": {"a": 7, "b": 7, "c": 6}}
    (directory / "data.json").write_text(json.dumps(description | counts))
    return directory


def test_fewer_rows_of_a_seed_are_a_part_of_more():
    data = images(50)
    few, more, other = rows_of(data, 10, 3), rows_of(data, 30, 3), rows_of(data, 10, 4)
    assert {row.tobytes() for row in few.rows} < {row.tobytes() for row in more.rows}
    assert few.rows.tobytes() != other.rows.tobytes()
    assert len({few.fingerprint, more.fingerprint, other.fingerprint}) == 3
    assert np.array_equal(rows_of(data, 50, 0).rows, data.samples)


@pytest.mark.parametrize("count", [0, 51, -1])
def test_more_rows_than_there_are_are_refused(count: int):
    with pytest.raises(InputError, match="which has 50"):
        rows_of(images(50), count, 0)


def test_classes_in_proportion_are_as_exact_as_whole_numbers_allow():
    """Oracle: the largest deviation of a stratified choice from n p is below 1 a class."""
    counts = np.array([400, 0, 37, 563])
    for count in (1, 7, 100, 999):
        found = np.bincount(in_proportion(counts, count).numpy(), minlength=4)
        assert found.sum() == count
        assert np.abs(found - count * counts / counts.sum()).max() < 1
        assert found[1] == 0


def test_a_runs_samples_are_its_generators(run: Path):
    """Oracle: the restored generator, called with the same latents and classes."""
    found = samples_of_run(run, 12, seed=5)
    trained = load_generator(run)
    classes = torch.tensor([0] * 4 + [1] * 4 + [2] * 4)
    expected = trained.samples(12, 5, classes).add(1).mul(127.5).round().clamp(0, 255).numpy()
    assert found.rows.dtype == np.uint8
    assert found.rows.shape == (12, 1, 8, 8)
    assert np.array_equal(found.rows, expected.astype(np.uint8))
    assert found.description["images_seen"] == 24
    assert samples_of_run(run, 12, seed=5).fingerprint == found.fingerprint
    assert samples_of_run(run, 12, seed=6).fingerprint != found.fingerprint


def test_without_counts_every_class_is_asked_for_equally_often(run: Path, tmp_path: Path):
    """Oracle: the samples of a run whose data.json counts every class equally often."""
    both = []
    for name, counts in (("none", {}), ("equal", {"class_counts": {"a": 5, "b": 5, "c": 5}})):
        shutil.copytree(run, tmp_path / name)
        file = tmp_path / name / "data.json"
        description = {k: v for k, v in json.loads(file.read_text()).items() if k != "class_counts"}
        file.write_text(json.dumps(description | counts))
        both.append(samples_of_run(tmp_path / name, 12, seed=5).rows)
    assert np.array_equal(*both)


def test_points_stay_points(tmp_path: Path):
    go(tmp_path, points_run(images=16))
    found = samples_of_run(tmp_path, 30, seed=0)
    assert found.rows.shape == (30, 2)
    assert found.rows.dtype == np.float32
    assert not found.is_images


def test_the_test_images_beside_training_ones_are_their_counterpart(tmp_path: Path):
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        (tmp_path / name).write_bytes(b"")
    beside = str(tmp_path / "t10k-images-idx3-ubyte.gz")
    assert counterpart(str(tmp_path)) == counterpart(str(tmp_path / "train-images-idx3-ubyte.gz")) == beside
    assert counterpart(beside) == ""
    assert counterpart(str(tmp_path / "nothing")) == ""
