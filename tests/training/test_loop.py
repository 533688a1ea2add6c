"""The loop: what it starts from, what schedules do, and that it keeps nothing."""

import gc
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from cases import UPDATES, name_of
from nablagan import optim, penalties
from nablagan.optim import constant
from nablagan.players import mlp
from nablagan.training.config import from_json, to_json
from nablagan.training.loop import plain_game, prepare, sampler_of, steps
from nablagan.training.run import PenaltySettings, PlayerSettings
from nablagan.training.session import Limits, Session
from nablagan.training.signals import Signals
from nablagan.types import InputError
from runs import ALONE, BATCH, images, images_run, points, points_run

SLOW = (optim.CompetitiveGradientDescent, optim.AdaptiveCompetitiveGradientDescent, optim.FollowTheRidge)
"""Solve a system a step; their state is tested in tests/optim."""


def test_a_run_starts_from_its_seed_alone():
    torch.manual_seed(1)
    first = prepare(images_run(), (1, 8, 8), 3, ALONE)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = prepare(images_run(), (1, 8, 8), 3, ALONE)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.game.point(), second.game.point())
    other = prepare(images_run(seed=1), (1, 8, 8), 3, ALONE)
    assert not torch.equal(first.game.point(), other.game.point())


def test_optimisers_follow_their_schedules():
    run = images_run()
    state = prepare(run, (1, 8, 8), 3, ALONE)
    sampler = Session(state, Path("unused"), images(), ALONE, ()).sampler
    for _ in steps(state, sampler):
        before = state.images_seen - BATCH
        for optimizer in (state.update.generator_optimizer, state.update.discriminator_optimizer):
            assert optimizer.param_groups[0]["lr"] == run.generator_adam.learning_rate(before)
            assert optimizer.param_groups[0]["betas"] == (0.0, run.generator_adam.beta2(before))
    assert state.images_seen == run.images


class Forgetful(nn.Module):
    """A player with a random layer."""

    def __init__(self, *arguments, **options):
        super().__init__()
        self.player = mlp.discriminator(*arguments, **options)

    def forward(self, samples, label=None):
        return self.player(nn.functional.dropout(samples, 0.5), label)


def test_random_layers_depend_on_seed_and_images_seen_alone():
    run = points_run(discriminator=PlayerSettings(Forgetful, {"widths": (8,)}))
    ends, drawn = [], []
    for seed, disturbed in ((1, False), (2, True)):
        state = prepare(run, (2,), 8, ALONE)
        torch.manual_seed(seed)
        for _ in steps(state, Session(state, Path("unused"), points(), ALONE, ()).sampler):
            if disturbed:
                drawn.append(float(torch.rand(1)))
        ends.append(state.game.point())
    assert torch.equal(*ends)
    torch.manual_seed(2)
    assert drawn == [float(torch.rand(1)) for _ in drawn]  # the caller's own draws are left alone


def test_returning_to_the_start_forgets_adams_moments():
    state = prepare(images_run(), (1, 8, 8), 3, ALONE)
    start = {file: {k: v.clone() for k, v in group.items()} for file, group in state.tensors().items()}
    assert start["optimizers"] == {}
    next(steps(state, Session(state, Path("unused"), images(), ALONE, ()).sampler))
    assert state.tensors()["optimizers"]
    state.load(start, {"images_seen": 0, "skipped": 0, "failures": [], "elapsed_seconds": 0, "balances": [0.1]})
    assert state.tensors()["optimizers"] == {}


@pytest.mark.parametrize("update", [update for update in UPDATES if update not in SLOW], ids=name_of)
def test_every_update_goes_on_from_a_checkpoint_bit_for_bit(update):
    """State.tensors and State.load, as a checkpoint file carries them: nothing of the update is left behind."""
    run = points_run(update=update, dtype="float64")
    state = prepare(run, (2,), 0, ALONE)
    sampler = Session(state, Path("unused"), points(), ALONE, ()).sampler
    walk = steps(state, sampler)
    for _ in range(3):
        next(walk)
    assert from_json(to_json(run)) == run
    kept = {file: {k: v.clone() for k, v in group.items()} for file, group in state.tensors().items()}
    again = prepare(run, (2,), 0, ALONE)
    content = {"images_seen": state.images_seen, "skipped": 0, "failures": [], "elapsed_seconds": 0}
    again.load(kept, content | {"balances": [balance.gamma for balance in state.balances.values()]})
    for _ in zip(range(3), walk, steps(again, sampler), strict=False):
        pass
    assert again.images_seen == state.images_seen
    expected, found = ({f"{f}.{k}": v for f, g in s.tensors().items() for k, v in g.items()} for s in (state, again))
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("file", "name", "tensor"),
    [
        ("optimizers", "generator.0.exp_avg", torch.zeros(1)),
        ("optimizers", "generator.99.exp_avg", torch.zeros(1)),
        ("optimizers", "nobody.0.exp_avg", torch.zeros(1)),
        ("optimizers", "generator", torch.zeros(1)),
        ("optimizers", "extra.last", torch.zeros(1)),
        ("generator", "surplus", torch.zeros(1)),
    ],
)
def test_tensors_of_another_run_are_refused(file: str, name: str, tensor: torch.Tensor):
    state = prepare(images_run(), (1, 8, 8), 3, ALONE)
    next(steps(state, Session(state, Path("unused"), images(), ALONE, ()).sampler))
    tensors = state.tensors()
    tensors[file] = {**tensors[file], name: tensor}
    with pytest.raises(InputError, match="does not fit this run"):
        state.load(tensors, {"images_seen": 0, "skipped": 0, "failures": [], "elapsed_seconds": 0, "balances": [0.1]})


def test_augmentation_follows_its_probability():
    """At probability 0 the loss is that of the run without augmentation, later it is not."""

    def first_loss(**changes) -> float:
        state = prepare(images_run(**changes), (1, 8, 8), 3, ALONE)
        sampler = Session(state, Path("unused"), images(), ALONE, ()).sampler
        return next(steps(state, sampler)).measures["discriminator_loss"]

    plain = first_loss(augmentations=())
    assert first_loss(augmentation_probability=constant(0.0)) == plain
    assert first_loss(augmentation_probability=constant(1.0)) != plain


def test_training_keeps_no_objects_and_no_files(tmp_path: Path):
    run = points_run(images=900 * BATCH, checkpoint_images=50 * BATCH, tick_images=20 * BATCH)
    counts: list[tuple[int, int]] = []

    def on_step(state) -> None:
        if state.images_seen in (400 * BATCH, 800 * BATCH):
            gc.collect()
            counts.append((len(gc.get_objects()), len(os.listdir("/proc/self/fd"))))

    session = Session(prepare(run, (2,), 0, ALONE), tmp_path, points(), ALONE, ())
    session.open(accept_changed_data=False)
    session.play(Signals(), Limits(), on_step)
    session.writer.close()
    (objects, files), (objects_later, files_later) = counts
    assert files_later == files
    assert objects_later - objects < 200


def test_a_sparing_penalty_counts_at_each_nth_step_and_in_every_examination():
    """Played: N times the penalty at step 0, none at step 1. Examined: the plain penalty at any moment."""
    plain = images_run(penalties=(PenaltySettings(penalties.r1, constant(1.0)),), augmentations=())
    sparing = replace(plain, penalties=(PenaltySettings(penalties.r1, constant(1.0), every=2),))
    data = images()
    game, played = (prepare(run, data.shape, 3, ALONE) for run in (plain, sparing))
    for seen, times in ((0, 2), (BATCH, 0)):
        batch = sampler_of(plain, data, ALONE).batch(seen)
        values = [penalty_of(state.game, batch) for state in (game, played)]
        assert values[0] > 0
        assert values[1] == pytest.approx(times * values[0])
        torch.testing.assert_close(plain_game(played).field(batch), game.game.field(batch))


def penalty_of(game, batch):
    return float(game.discriminator_gradient(batch, game.generate(batch)).measures["penalty_r1"])


@pytest.mark.parametrize(("side", "every"), [("penalties", 0), ("generator_penalties", 2)])
def test_intervals_of_penalties_that_cannot_be_are_refused(side, every):
    penalty = penalties.r1 if side == "penalties" else penalties.path_length
    with pytest.raises(InputError, match="every"):
        images_run(**{side: (PenaltySettings(penalty, constant(1.0), every=every),)})
