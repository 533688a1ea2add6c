"""Candidates of equal size, budgets in images, data that nobody trains on."""

import math

import numpy as np
import pytest
import torch

from nablagan.comparison.budget import Evaluations, Seconds
from nablagan.comparison.candidates import CANDIDATES, chosen
from nablagan.comparison.held_out import split
from nablagan.comparison.sizes import fitted_width
from nablagan.comparison.trainees import Task, default_size
from nablagan.data import Dataset
from nablagan.training.engine import Engine
from nablagan.training.run import DataSettings
from nablagan.types import InputError

HERE = Engine(torch.device("cpu"))


def dataset(shape=(1, 8, 8), count=100):
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Dataset("noise", pixels, None, (), "f", {})


def task(shape=(1, 8, 8)):
    return Task(DataSettings("x"), dataset(shape), HERE, 0)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 32), (3, 32, 32)], ids=str)
@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_all_have_as_many_parameters_as_the_default(candidate, shape):
    here = task(shape)
    assert candidate.begin(here, 1000).parameters == pytest.approx(default_size(here), rel=0.1)


def test_the_width_is_the_nearest():
    """Oracle: w^2 + w parameters of a linear layer."""
    assert fitted_width(lambda width: torch.nn.Linear(width, width), 21 * 20) == 20
    with pytest.raises(InputError, match="no net of width"):
        fitted_width(lambda width: torch.nn.Linear(1, 1), 100)


def test_names():
    assert [candidate.name for candidate in chosen(["vae", "default"])] == ["default", "vae"]
    assert chosen(None) == CANDIDATES
    with pytest.raises(InputError, match="no candidate 'gan'"):
        chosen(["gan"])


def test_evaluations_become_images():
    images = {c.name: Evaluations(12_000).images(c, task()) for c in CANDIDATES}
    assert (images["default"], images["wgan_gp"], images["ddpm"]) == (6000, 10_000, 12_000)
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(InputError, match="seconds of training"):
            Seconds(wrong)


def test_a_part_is_held_out_where_there_is_no_other_data():
    training, held_out = split(dataset(count=100), None)
    assert (len(training), len(held_out)) == (80, 20)
    rows = {row.tobytes() for row in training.samples} & {row.tobytes() for row in held_out.samples}
    assert not rows
    assert training.fingerprint != held_out.fingerprint
    with pytest.raises(InputError, match="give --resolution"):
        split(dataset(), dataset((1, 16, 16)))
