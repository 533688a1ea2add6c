"""A state loaded from a checkpoint goes on exactly as the run did, and leaves the directory alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nablagan.training.checkpoint import load_newest
from nablagan.training.loop import sampler_of, steps
from nablagan.training.reopening import load_dataset, load_state
from nablagan.training.run import DataSettings
from nablagan.types import InputError
from runs import ALONE, BATCH, go, images, images_run, points, points_run, snapshot


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that kept its checkpoints: 8x8 images by class, every schedule on the move."""
    place = tmp_path_factory.mktemp("run") / "run"
    go(place, images_run(keep_checkpoints=9))
    return place


def test_it_goes_on_as_the_run_did(directory: Path) -> None:
    """Bit for bit: the run's own last checkpoint is the oracle."""
    before = snapshot(directory)
    state = load_state(directory, directory / "checkpoints/images-000000048", images())
    assert state.images_seen == 48
    for _ in steps(state, sampler_of(state.run, images(), ALONE)):
        pass
    newest, _ = load_newest(directory / "checkpoints")
    assert newest is not None
    assert newest.state["images_seen"] == state.images_seen == 10 * BATCH
    for file, group in state.tensors().items():
        for name, tensor in group.items():
            assert torch.equal(tensor, newest.tensors[file][name]), (file, name)
    assert [balance.gamma for balance in state.balances.values()] == newest.state["balances"]
    assert snapshot(directory) == before


def test_the_newest_is_the_default(directory: Path) -> None:
    assert load_state(directory, dataset=images()).images_seen == 10 * BATCH


def test_other_data_are_refused_and_named(directory: Path) -> None:
    with pytest.raises(InputError, match=r"was not made with these data \(count: 20 there, 22 now.*--data PATH"):
        load_state(directory, dataset=images(22))
    with pytest.raises(InputError, match=r"other content.*--data PATH"):
        load_state(directory, dataset=images(seed=1))


def test_data_are_opened_again_where_they_were_or_where_one_says(tmp_path: Path) -> None:
    data = tmp_path / "points.npy"
    np.save(data, points().samples)
    from nablagan.data import open_dataset

    go(tmp_path / "run", points_run(data=DataSettings(str(data)), images=16), open_dataset(data))
    assert load_state(tmp_path / "run").images_seen == 16
    moved = data.rename(tmp_path / "elsewhere.npy")
    with pytest.raises(InputError, match=r"the data of .*run cannot be opened again .*--data PATH"):
        load_state(tmp_path / "run")
    found = load_dataset(tmp_path / "run", str(moved))
    assert load_state(tmp_path / "run", dataset=found).images_seen == 16
    with pytest.raises(InputError, match=r"absent\.npy does not exist"):
        load_dataset(tmp_path / "run", str(tmp_path / "absent.npy"))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run directory"):
        load_state(tmp_path, dataset=images())
