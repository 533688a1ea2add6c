"""What is not finite is found at its step, never saved, rolled back, passed over, and given up in the end."""

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nablagan.optim import Alternating
from nablagan.optim.updates import Step
from nablagan.training.checkpoint import checkpoint_paths, load_checkpoint, load_newest
from nablagan.training.loop import Diverged, State, prepare, steps
from nablagan.training.session import Session
from nablagan.types import Batch
from runs import ALONE, BATCH, events, go, images, images_run, points, points_run, stop_at, story, tensor_bytes

SAMPLER_POINTS = 400


class AlwaysAt40(Alternating):
    """Diverges at 40 images, whatever the data."""

    def step(self, batch: Batch) -> Step:
        poison(self.game.discriminator, batch.images_seen == 40)
        return super().step(batch)


class AllergicToSeven(Alternating):
    """Diverges on any batch that holds the number 7."""

    def step(self, batch: Batch) -> Step:
        poison(self.game.discriminator, bool((batch.real == 7).any()))
        return super().step(batch)


class EachTimeLater(Alternating):
    """Diverges at every moment once: at 24, then at 32, ..."""

    at = 24

    def step(self, batch: Batch) -> Step:
        if batch.images_seen == EachTimeLater.at:
            EachTimeLater.at += BATCH
            poison(self.game.generator)
        return super().step(batch)


def poison(player: torch.nn.Module, when: bool = True) -> None:
    if when:
        next(player.parameters()).data.view(-1)[0] = math.nan


def finite_checkpoints(directory: Path) -> bool:
    return all(
        bool(tensor.isfinite().all())
        for path in checkpoint_paths(directory / "checkpoints")
        for group in load_checkpoint(path).tensors.values()
        for tensor in group.values()
    )


def state_and_sampler(run: Any) -> tuple[State, Any]:
    state = prepare(run, (1, 8, 8), 3, ALONE)
    return state, Session(state, Path("unused"), images(), ALONE, ()).sampler


def into_generator(state: State) -> None:
    poison(state.game.generator)


def into_discriminator(state: State) -> None:
    poison(state.game.discriminator)


def into_last_bias(state: State) -> None:
    list(state.game.generator.parameters())[-1].data[-1] = math.inf


@pytest.mark.parametrize("damage", [into_generator, into_discriminator, into_last_bias])
def test_one_bad_parameter_is_found_at_the_next_step(damage: Callable[[State], None]):
    state, sampler = state_and_sampler(images_run())
    training = steps(state, sampler)
    next(training)
    damage(state)
    with pytest.raises(Diverged, match=r"is (nan|inf)") as caught:
        next(training)
    assert caught.value.images_seen == BATCH
    assert state.images_seen == BATCH


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_gradient_entry_is_found_at_its_step(bad: float):
    state, sampler = state_and_sampler(images_run())

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.clone()
        gradient.view(-1)[0] = bad
        return gradient

    training = steps(state, sampler)
    next(training)
    list(state.game.discriminator.parameters())[-1].register_hook(spoil)
    with pytest.raises(Diverged, match="discriminator_gradient_norm is"):
        next(training)


def overflow_of_adam(state: State) -> None:
    optimizer = state.update.generator_optimizer
    optimizer.state[optimizer.param_groups[0]["params"][0]]["exp_avg_sq"].view(-1)[0] = math.inf


def average(state: State) -> None:
    poison(state.averages.players[200])


def average_that_is_drawn(state: State) -> None:
    poison(state.averages.players[20])


@pytest.mark.parametrize("damage", [overflow_of_adam, average])
def test_what_training_does_not_notice_is_found_before_it_is_saved(tmp_path: Path, damage: Callable[[State], None]):
    """An infinite second moment only freezes a weight, an average is not used in training: both would be saved."""
    done = []

    def on_step(state: State) -> None:
        if state.images_seen == 2 * BATCH and not done:
            done.append(damage(state))

    assert go(tmp_path, on_step=on_step).status == "done"
    (rollback,) = events(tmp_path, "rollback")
    assert (rollback["failed_at"], rollback["to"]) == (2 * BATCH, 0)
    assert finite_checkpoints(tmp_path)


def test_an_average_that_is_not_finite_is_rolled_back_rather_than_drawn(tmp_path: Path):
    done = []

    def on_step(state: State) -> None:
        if state.images_seen == 4 * BATCH and not done:
            done.append(average_that_is_drawn(state))

    assert go(tmp_path, on_step=on_step).status == "done"
    assert [(event["failed_at"], event["to"]) for event in events(tmp_path, "rollback")] == [(4 * BATCH, 3 * BATCH)]


def test_a_stop_does_not_save_what_is_not_finite(tmp_path: Path):
    def on_step(state: State) -> None:
        if state.images_seen == 4 * BATCH:
            poison(state.averages.players[20])
            os.kill(os.getpid(), signal.SIGTERM)

    result = go(tmp_path, on_step=on_step)
    assert (result.status, result.images_seen) == ("stopped", 3 * BATCH)
    assert finite_checkpoints(tmp_path)


def test_a_bad_sample_is_rolled_back_and_its_window_passed_over(tmp_path: Path):
    """Of 400 points one is bad: when it is drawn, training returns and goes on with the points after it."""
    data = points(SAMPLER_POINTS, seven=7)
    order = Session(prepare(points_run(), (2,), 0, ALONE), tmp_path, data, ALONE, ()).sampler._order
    failing = next(at for at in range(0, SAMPLER_POINTS, BATCH) if 7 in order(at))
    run = points_run(images=failing + 5 * BATCH, update=AllergicToSeven)
    skipped: dict[int, int] = {}
    result = go(tmp_path, run, data, on_step=lambda state: skipped.update({state.images_seen: state.skipped}))
    assert result.status == "done"
    (rollback,) = events(tmp_path, "rollback")
    checkpoint = failing // run.checkpoint_images * run.checkpoint_images
    assert (rollback["failed_at"], rollback["to"]) == (failing, checkpoint)
    assert "discriminator_parameter_norm is nan" in rollback["reason"]
    assert skipped[run.images] == failing + BATCH - checkpoint
    assert finite_checkpoints(tmp_path)


def test_a_rollback_restores_every_byte(tmp_path: Path):
    go(tmp_path / "straight", images_run(images=3 * BATCH))
    kept = []

    def listener(event: dict[str, Any]) -> None:
        if event["kind"] == "rollback":
            kept.append(load_newest(tmp_path / "run/checkpoints")[0])

    go(tmp_path / "run", images_run(update=AlwaysAt40), listeners=(listener,))
    assert [checkpoint.state["images_seen"] for checkpoint in kept] == [24]
    assert tensor_bytes(tmp_path / "run") == tensor_bytes(tmp_path / "straight")


def test_a_second_failure_at_the_same_step_ends_the_run(tmp_path: Path):
    result = go(tmp_path, images_run(update=AlwaysAt40))
    assert result.status == "failed"
    assert "diverged at 40 images" in result.reason
    assert json.loads((tmp_path / "FAILED").read_text())["reason"] == result.reason
    assert not (tmp_path / "DONE").exists()
    assert len(events(tmp_path, "rollback")) == 1
    assert events(tmp_path)[-1]["status"] == "failed"
    assert finite_checkpoints(tmp_path)


def test_a_failed_run_that_is_started_again_fails_again_at_once(tmp_path: Path):
    go(tmp_path, images_run(update=AlwaysAt40))
    reached = []
    assert (
        go(tmp_path, images_run(update=AlwaysAt40), on_step=lambda s: reached.append(s.images_seen)).status == "failed"
    )
    assert reached == [32, 40]
    assert len(events(tmp_path, "rollback")) == 1


def test_the_fourth_divergence_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(EachTimeLater, "at", 24)
    assert go(tmp_path, images_run(update=EachTimeLater)).status == "failed"
    assert [event["failed_at"] for event in events(tmp_path, "rollback")] == [24, 32, 40]
    assert (tmp_path / "FAILED").exists()


def test_a_run_with_a_rollback_resumes_exactly(tmp_path: Path):
    data = points(SAMPLER_POINTS, seven=7)
    run = points_run(images=SAMPLER_POINTS - 2 * BATCH, update=AllergicToSeven)
    assert go(tmp_path / "straight", run, data).status == "done"
    (rollback,) = events(tmp_path / "straight", "rollback")
    for stop in (rollback["to"] + BATCH, rollback["failed_at"] + 2 * BATCH):
        go(tmp_path / "stopped", run, data, on_step=stop_at(stop))
    assert go(tmp_path / "stopped", run, data).status == "done"
    assert tensor_bytes(tmp_path / "stopped") == tensor_bytes(tmp_path / "straight")
    assert story(tmp_path / "stopped") == story(tmp_path / "straight")
