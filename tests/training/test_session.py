"""A run directory from start to end, and what resuming changes in it: nothing."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nablagan.optim import Balance, constant
from nablagan.players import dcgan
from nablagan.training.files import locked
from nablagan.training.run import AdamSettings, PlayerSettings
from nablagan.training.session import Limits
from nablagan.types import InputError
from runs import (
    ADAM,
    BATCH,
    FOLLOWING,
    events,
    go,
    images,
    images_run,
    points_run,
    snapshot,
    stop_at,
    story,
    tensor_bytes,
)


def test_a_run_leaves_the_documented_files(straight: Path):
    names = {path.name for path in straight.iterdir()}
    assert names == {"config.json", "data.json", "environment.json", "events.jsonl", "samples", "checkpoints", "DONE"}
    assert {path.name for path in (straight / "samples").iterdir()} == {
        "real.png",
        "walk.gif",
        *(f"images-{seen:09d}.png" for seen in (0, 40, 80)),
    }
    assert {path.name for path in (straight / "checkpoints").iterdir()} == {
        "latest",
        "images-000000072",
        "images-000000080",
    }
    assert json.loads((straight / "DONE").read_text()) == {"status": "done", "images_seen": 80, "reason": ""}


def test_events_come_at_their_moments(straight: Path):
    moments = [(event["kind"], event["images_seen"]) for event in events(straight)]
    assert moments == [
        ("start", 0),
        ("samples", 0),
        ("checkpoint", 0),
        ("tick", 16),
        ("checkpoint", 24),
        ("tick", 32),
        ("samples", 40),
        ("tick", 48),
        ("checkpoint", 48),
        ("tick", 64),
        ("checkpoint", 72),
        ("tick", 80),
        ("samples", 80),
        ("checkpoint", 80),
        ("end", 80),
    ]
    for event in events(straight, "samples"):
        assert (straight / event["file"]).is_file()


def test_a_tick_holds_means_and_the_schedules_of_its_last_step(tmp_path: Path):
    seen: list[dict[str, float]] = []
    run = images_run(images=2 * BATCH)
    go(tmp_path, run, on_step=lambda state: seen.append(dict(state.measures)))
    (tick,) = events(tmp_path, "tick")
    for name in seen[0]:
        assert tick["measures"][name] == pytest.approx((seen[0][name] + seen[1][name]) / 2, rel=1e-12)
    assert seen[0].keys() >= {"penalty_r1", "penalty_r2", "real_logits", "generator_parameter_norm"}
    assert tick["measures"]["penalty_weight_r1"] == run.penalties[0].weight(BATCH)
    followed = Balance(FOLLOWING)
    for measures in seen:
        followed.follow(measures, BATCH)
    assert tick["measures"]["penalty_weight_r2"] == followed(0) != FOLLOWING.start
    assert tick["measures"]["augmentation_probability"] == run.augmentation_probability(BATCH)
    assert tick["measures"]["generator_learning_rate"] == ADAM.learning_rate(BATCH)
    assert tick["time"].keys() == {"elapsed_seconds", "images_per_second", "memory_mib", "stages"}
    assert tick["time"]["stages"].keys() == {"data", "update", "averages", "pictures", "checkpoints"}


@pytest.mark.parametrize("stops", [(8,), (24,), (40,), (8, 16, 56), (72,)])
def test_stopping_and_resuming_changes_no_byte(tmp_path: Path, straight: Path, stops: tuple[int, ...]):
    """Stops at the first step, at a checkpoint, at a picture amid a tick and a pass, often, and just before the end."""
    for stop in stops:
        result = go(tmp_path, on_step=stop_at(stop))
        assert (result.status, result.images_seen, result.signal) == ("stopped", stop, signal.SIGTERM)
        assert events(tmp_path)[-1]["kind"] == "end"
        assert not (tmp_path / "DONE").exists()
    assert go(tmp_path).status == "done"
    assert tensor_bytes(tmp_path) == tensor_bytes(straight)
    assert story(tmp_path) == story(straight)
    assert len(events(tmp_path, "resume")) == len(stops)
    for picture in (straight / "samples").iterdir():
        assert (tmp_path / "samples" / picture.name).read_bytes() == picture.read_bytes()


def test_a_signal_before_the_first_step_is_answered_before_it(tmp_path: Path, straight: Path):
    def listener(event: dict[str, Any]) -> None:
        if event["kind"] == "start":
            os.kill(os.getpid(), signal.SIGINT)

    result = go(tmp_path, listeners=(listener,))
    assert (result.status, result.images_seen, result.signal) == ("stopped", 0, signal.SIGINT)
    assert go(tmp_path).status == "done"
    assert story(tmp_path) == story(straight)
    assert tensor_bytes(tmp_path) == tensor_bytes(straight)


def test_a_second_signal_corrupts_nothing(tmp_path: Path, straight: Path):
    assert go(tmp_path, on_step=stop_at(40, times=3)).status == "stopped"
    assert go(tmp_path).status == "done"
    assert tensor_bytes(tmp_path) == tensor_bytes(straight)


def test_a_signal_during_the_last_step_does_not_stop_a_run_that_is_done(tmp_path: Path):
    assert go(tmp_path, on_step=stop_at(80)).status == "done"


def test_a_time_limit_counts_all_sessions_and_then_makes_no_step(tmp_path: Path):
    first = go(tmp_path, limits=Limits(seconds=1e-9))
    assert (first.status, first.images_seen) == ("stopped", 8)
    again = go(tmp_path, limits=Limits(seconds=1e-9))
    assert (again.status, again.images_seen) == ("stopped", 8)
    assert "seconds" in again.reason


def test_a_done_run_is_left_alone(tmp_path: Path):
    go(tmp_path, images_run(images=16))
    before = snapshot(tmp_path)
    assert go(tmp_path, images_run(images=16)).status == "done"
    assert snapshot(tmp_path) == before


def test_a_done_run_goes_on_to_more_images_as_if_it_had_not_ended(tmp_path: Path, straight: Path):
    go(tmp_path, images_run(images=5 * BATCH))
    assert go(tmp_path, images_run(checkpoint_images=2 * BATCH, keep_checkpoints=1)).status == "done"
    assert tensor_bytes(tmp_path) == tensor_bytes(straight)
    assert json.loads((tmp_path / "config.json").read_text())["images"] == 80


def test_a_run_that_has_seen_more_than_is_asked_for_is_refused(tmp_path: Path):
    go(tmp_path, images_run(images=3 * BATCH))
    with pytest.raises(InputError, match="already seen 24 images"):
        go(tmp_path, images_run(images=BATCH))


def test_a_run_killed_between_its_last_checkpoint_and_done_is_finished(tmp_path: Path, straight: Path):
    shutil.copytree(straight, tmp_path / "run")
    for name in ("DONE", "samples/walk.gif"):
        (tmp_path / "run" / name).unlink()
    assert go(tmp_path / "run").status == "done"
    assert snapshot(tmp_path / "run").keys() == snapshot(straight).keys()
    assert story(tmp_path / "run") == story(straight)


def test_other_settings_are_refused_by_name_and_nothing_is_touched(tmp_path: Path):
    go(tmp_path, images_run(images=BATCH))
    before = snapshot(tmp_path)
    other = images_run(
        generator=PlayerSettings(dcgan.generator, {"widths": (16, 8)}),
        generator_adam=AdamSettings(constant(1.0), constant(0.9)),
        seed=4,
    )
    with pytest.raises(InputError, match=r"generator.options.widths: \[8, 8\] there, \[16, 8\] now.*learning_rate"):
        go(tmp_path, other)
    assert snapshot(tmp_path) == before


def test_changed_data_are_refused_unless_accepted(tmp_path: Path):
    run = images_run(images=2 * BATCH)
    go(tmp_path, run, on_step=stop_at(BATCH))
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=r"count: 20 there, 21 now.*--accept-changed-data"):
        go(tmp_path, run, images(21))
    with pytest.raises(InputError, match="other content"):
        go(tmp_path, run, images(seed=1))
    assert snapshot(tmp_path) == before
    assert go(tmp_path, run, images(21), accept_changed_data=True).status == "done"
    assert ["data have changed" in event["message"] for event in events(tmp_path, "warning")] == [True]


def test_data_of_another_shape_do_not_fit_even_if_accepted(tmp_path: Path):
    run = points_run(images=BATCH)
    go(tmp_path, run)
    data = images()
    flat = replace(data, samples=data.samples[:, 0, 0].astype(np.float32))
    with pytest.raises(InputError, match="does not fit this run"):
        go(tmp_path, points_run(images=2 * BATCH), flat, accept_changed_data=True)


def test_a_directory_in_use_is_refused(tmp_path: Path):
    with locked(tmp_path), pytest.raises(InputError, match=f"in use by another process .*{os.getpid()}"):
        go(tmp_path)
    assert not (tmp_path / "events.jsonl").exists()


def test_a_run_whose_checkpoints_are_gone_is_not_started_anew(tmp_path: Path):
    go(tmp_path, images_run(images=BATCH))
    shutil.rmtree(tmp_path / "checkpoints")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=r"checkpoints of .* are gone"):
        go(tmp_path, images_run(images=BATCH))
    assert snapshot(tmp_path) == before


def test_a_start_that_was_killed_before_its_first_checkpoint_begins_again(tmp_path: Path, straight: Path):
    class Killed(BaseException):
        pass

    def listener(event: dict[str, Any]) -> None:
        if event["kind"] == "samples":
            raise Killed

    with pytest.raises(Killed):
        go(tmp_path, listeners=(listener,))
    assert go(tmp_path).status == "done"
    assert story(tmp_path) == story(straight)


def test_resuming_from_before_a_damaged_checkpoint_warns_and_changes_no_byte(tmp_path: Path, straight: Path):
    go(tmp_path, on_step=stop_at(56))
    damaged = tmp_path / "checkpoints/images-000000056/ema.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert go(tmp_path).status == "done"
    (warning,) = events(tmp_path, "warning")
    assert "ema.safetensors" in warning["message"]
    assert "resumed from images-000000048" in warning["message"]
    assert tensor_bytes(tmp_path) == tensor_bytes(straight)
    assert [e for e in story(tmp_path) if e["kind"] != "warning"] == story(straight)


def test_when_every_checkpoint_is_bad_nothing_is_deleted(tmp_path: Path):
    go(tmp_path, on_step=stop_at(56))
    for path in (tmp_path / "checkpoints").glob("images-*/state.json"):
        path.write_bytes(path.read_bytes() + b" ")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="none of the 2 checkpoints"):
        go(tmp_path)
    assert snapshot(tmp_path) == before


def test_an_event_log_that_lost_its_end_is_continued_with_a_warning(tmp_path: Path):
    go(tmp_path, on_step=stop_at(56))
    log = tmp_path / "events.jsonl"
    log.write_bytes(log.read_bytes()[: log.read_bytes().index(b"\n") + 9])
    assert go(tmp_path).status == "done"
    kinds = [event["kind"] for event in events(tmp_path)]
    assert kinds[:4] == ["start", "resume", "warning", "tick"]


def test_listeners_hear_events_that_are_already_written(tmp_path: Path):
    heard = []

    def listener(event: dict[str, Any]) -> None:
        assert events(tmp_path)[-1] == event
        heard.append(event)

    go(tmp_path, images_run(images=BATCH), listeners=(listener,))
    assert heard == events(tmp_path)


def test_a_run_by_class_needs_labels(tmp_path: Path):
    with pytest.raises(InputError, match="images has no labels"):
        go(tmp_path, data=replace(images(), labels=None, classes=()))
    assert not any(tmp_path.iterdir())
