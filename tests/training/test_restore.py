"""A trained generator from its directory."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from nablagan.training.checkpoint import load_newest
from nablagan.training.restore import load_generator, read_config
from nablagan.types import InputError
from runs import images_run


def test_the_generator_is_the_average_that_was_asked_for(straight: Path):
    newest, _ = load_newest(straight / "checkpoints")
    assert newest is not None
    for half_life in (20, 200):
        trained = load_generator(straight, half_life=half_life)
        for name, tensor in trained.generator.state_dict().items():
            assert torch.equal(tensor, newest.tensors["ema"][f"{half_life}.{name}"])
    first = load_generator(straight)
    assert torch.equal(first.samples(4), load_generator(straight, half_life=20).samples(4))
    assert (first.images_seen, first.shape, first.classes) == (80, (1, 8, 8), ("a", "b", "c"))
    assert read_config(straight) == images_run()


def test_an_older_checkpoint_may_be_given(straight: Path):
    assert load_generator(straight, straight / "checkpoints/images-000000072").images_seen == 72


def test_the_same_seed_gives_the_same_samples_and_a_class_of_its_own(straight: Path):
    trained = load_generator(straight)
    assert torch.equal(trained.samples(6, seed=1), trained.samples(6, seed=1))
    assert not torch.equal(trained.samples(6, seed=1), trained.samples(6, seed=2))
    turns = torch.tensor([0, 1, 2, 0, 1, 2])
    assert torch.equal(trained.samples(6), trained.samples(6, label=turns))
    assert torch.equal(trained.samples(6, label=2), trained.samples(6, label=torch.full((6,), 2)))
    assert not torch.equal(trained.samples(6, label=2), trained.samples(6, label=1))
    assert trained.samples(6).shape == (6, 1, 8, 8)


def test_wrong_requests_are_refused(straight: Path, tmp_path: Path):
    trained = load_generator(straight)
    with pytest.raises(InputError, match="classes 0 to 2"):
        trained.samples(4, label=3)
    with pytest.raises(InputError, match="one a sample"):
        trained.samples(4, label=torch.zeros(3, dtype=torch.long))
    with pytest.raises(InputError, match="count is 0"):
        trained.samples(0)
    with pytest.raises(InputError, match="seed is -1"):
        trained.samples(4, seed=-1)
    with pytest.raises(InputError, match="half-life 7: this run keeps"):
        load_generator(straight, half_life=7)
    with pytest.raises(InputError, match="not a run directory"):
        load_generator(tmp_path)
    with pytest.raises(InputError, match="no usable manifest"):
        load_generator(straight, straight / "checkpoints/images-000000001")


def test_a_directory_whose_parts_do_not_fit_is_refused(straight: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(straight, run)
    (run / "data.json").write_text(json.dumps({"shape": [1, 8, 8], "classes": ["a"]}))
    with pytest.raises(InputError, match=r"does not fit the config\.json and data\.json"):
        load_generator(run)
    (run / "data.json").write_text("{}")
    with pytest.raises(InputError, match="does not fit"):
        load_generator(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(InputError, match="no checkpoint yet"):
        load_generator(run)
    (run / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        load_generator(run)
