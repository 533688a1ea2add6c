"""Evaluation while training and the best checkpoint: its moments, its cost, pruning, crashes, resuming, rolling back.

What is measured is scripted here, so that the best moment is known.
"""

import math
import operator
from pathlib import Path
from typing import Any

import pytest
import torch

from nablagan.cli.options import checkpoint_of
from nablagan.training import session
from nablagan.training.best import best_checkpoint, best_name, point_at_best
from nablagan.training.checkpoint import checkpoint_paths, load_checkpoint
from nablagan.training.evaluating import Evaluating
from nablagan.training.loop import State
from nablagan.training.restore import load_generator
from nablagan.types import InputError
from runs import BATCH, events, go, images_run, stop_at, story, tensor_bytes

SCRIPT = {16: 0.5, 32: 0.3, 48: 0.4, 64: 0.35, 80: 0.45}
"""Kernel distances: the best at 32 images, which is no moment of a checkpoint."""


def scripted(script: dict[int, Any], **changes: Any) -> Evaluating:
    """Evaluations every 2 steps that find what the script says."""

    def measure(state: State) -> dict[str, Any]:
        torch.rand(1)  # what a measure draws of the global generator must not matter
        return {"measures": {"kernel_distance": script[state.images_seen]}, "protocol": {"count": 10}}

    options = {"images": 2 * BATCH, "best": "kernel_distance", "share": 1.0} | changes
    return Evaluating(measure, **options)


def names(directory: Path) -> list[str]:
    return [path.name for path in checkpoint_paths(directory / "checkpoints")]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("evaluated") / "run"
    assert go(directory, evaluating=scripted(SCRIPT)).status == "done"
    return directory


def test_evaluations_are_recorded_at_their_moments(evaluated: Path):
    found = events(evaluated, "evaluation")
    assert {event["images_seen"]: event["measures"]["kernel_distance"] for event in found} == SCRIPT
    assert [event["images_seen"] for event in found if event["best"]] == [16, 32]
    assert all(event["time"]["seconds"] > 0 and event["protocol"] == {"count": 10} for event in found)
    assert any("evaluation" in event["time"]["stages"] for event in events(evaluated, "tick"))


def test_the_best_is_kept_besides_the_newest(evaluated: Path):
    assert names(evaluated) == ["images-000000032", "images-000000072", "images-000000080"]
    assert best_name(evaluated / "checkpoints") == "images-000000032"
    path = checkpoint_of(evaluated, Path("best"))
    assert path == best_checkpoint(evaluated) == evaluated / "checkpoints/images-000000032"
    assert load_generator(evaluated, path).images_seen == 32


def test_training_does_not_notice(evaluated: Path, straight: Path):
    """Not a byte of any tensor, not a measure of any tick."""
    assert tensor_bytes(evaluated) == tensor_bytes(straight)
    ticks = [[event["measures"] for event in events(place, "tick")] for place in (straight, evaluated)]
    assert ticks[0] == ticks[1]


def test_stopping_and_resuming_changes_nothing(evaluated: Path, tmp_path: Path):
    for stop in (16, 32, 40, 72):
        assert go(tmp_path, on_step=stop_at(stop), evaluating=scripted(SCRIPT)).status == "stopped"
        assert best_name(tmp_path / "checkpoints") == ("images-000000016" if stop == 16 else "images-000000032")
    assert go(tmp_path, evaluating=scripted(SCRIPT)).status == "done"
    assert story(tmp_path) == story(evaluated)
    assert tensor_bytes(tmp_path) == tensor_bytes(evaluated)
    assert names(tmp_path) == names(evaluated)


def test_sessions_that_do_not_evaluate_keep_the_best(tmp_path: Path):
    go(tmp_path, on_step=stop_at(40), evaluating=scripted(SCRIPT))
    assert go(tmp_path).status == "done"
    assert names(tmp_path) == ["images-000000032", "images-000000072", "images-000000080"]


@pytest.mark.parametrize("broken", ["save_checkpoint", "point_at_best"])
def test_a_crash_while_the_best_changes_leaves_a_best(
    tmp_path: Path, evaluated: Path, monkeypatch: pytest.MonkeyPatch, broken: str
):
    """Killed at 32 images before its checkpoint is saved, or before it is pointed at."""
    from nablagan.training import evaluating, writer

    module = {"save_checkpoint": writer, "point_at_best": evaluating}[broken]
    whole = getattr(module, broken)

    def crash(directory: Path, what: Any, *rest: Any) -> Any:
        if what in (32, "images-000000032"):
            raise KeyboardInterrupt
        return whole(directory, what, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, broken, crash)
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path, evaluating=scripted(SCRIPT))
    assert best_checkpoint(tmp_path).name == "images-000000016"
    assert load_checkpoint(best_checkpoint(tmp_path)).state["images_seen"] == 16
    assert go(tmp_path, on_step=stop_at(40), evaluating=scripted(SCRIPT)).status == "stopped"
    assert best_name(tmp_path / "checkpoints") == "images-000000032"
    assert go(tmp_path, evaluating=scripted(SCRIPT)).status == "done"
    assert story(tmp_path) == story(evaluated)
    assert names(tmp_path) == names(evaluated)


def test_a_damaged_best_is_not_the_best_any_more(tmp_path: Path):
    go(tmp_path, on_step=stop_at(40), evaluating=scripted(SCRIPT))
    (best_checkpoint(tmp_path) / "state.json").write_text("{}")
    with pytest.raises(InputError, match=r"damaged: state.json"):
        load_generator(tmp_path, best_checkpoint(tmp_path))
    assert go(tmp_path, evaluating=scripted(SCRIPT)).status == "done"
    assert best_name(tmp_path / "checkpoints") == "images-000000064"
    (tmp_path / "checkpoints/best").write_bytes(b"\xff../../secret\n")
    assert best_name(tmp_path / "checkpoints") == ""


def test_a_rollback_forgets_later_evaluations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Diverged once at 64 images, after evaluations at 16, 32 and 48: what was best before is best after."""
    failed: list[int] = []
    check = session.check_tensors_finite

    def diverge(state: State) -> None:
        check(state)
        if state.images_seen == 64 and not failed:
            failed.append(64)
            raise session.Diverged(64, "a test")

    monkeypatch.setattr(session, "check_tensors_finite", diverge)
    assert go(tmp_path, evaluating=scripted(SCRIPT)).status == "done"
    assert [event["images_seen"] for event in events(tmp_path, "evaluation")] == list(SCRIPT)
    assert [event["to"] for event in events(tmp_path, "rollback")] == [48]
    assert best_name(tmp_path / "checkpoints") == "images-000000032"


def test_more_may_be_better(tmp_path: Path):
    go(tmp_path, evaluating=scripted(SCRIPT, better=operator.gt))
    assert best_name(tmp_path / "checkpoints") == "images-000000016"


def test_what_is_not_finite_is_never_the_best(tmp_path: Path):
    script = SCRIPT | {16: math.nan, 32: None, 48: -math.inf}
    go(tmp_path, evaluating=scripted(script))
    assert [event["images_seen"] for event in events(tmp_path, "evaluation") if event["best"]] == [64]
    assert events(tmp_path, "evaluation")[0]["measures"] == {"kernel_distance": None}


def test_other_protocols_are_not_compared(tmp_path: Path):
    """The second session measures differently: its first value is the best of its kind, however large."""
    go(tmp_path, on_step=stop_at(40), evaluating=scripted(SCRIPT))

    def measure(state: State) -> dict[str, Any]:
        return {"measures": {"kernel_distance": 10.0 + SCRIPT[state.images_seen]}, "protocol": {"count": 20}}

    go(tmp_path, evaluating=Evaluating(measure, 2 * BATCH, "kernel_distance", share=1.0))
    assert best_name(tmp_path / "checkpoints") == "images-000000064"


def test_too_dear_evaluations_are_skipped_and_that_is_recorded(tmp_path: Path):
    """A share that no evaluation fits into: only the first and the last are made."""
    go(tmp_path, evaluating=scripted(SCRIPT, share=1e-9))
    assert [event["images_seen"] for event in events(tmp_path, "evaluation")] == [16, 80]
    skipped = events(tmp_path, "skipped_evaluation")
    assert [event["images_seen"] for event in skipped] == [32, 48, 64]
    assert all(event["time"]["share"] > 1e-9 for event in skipped)


def test_a_measure_that_refuses_ends_nothing(tmp_path: Path):
    def measure(state: State) -> dict[str, Any]:
        raise InputError("all samples are the same")

    assert go(tmp_path, evaluating=Evaluating(measure, 40, "kernel_distance")).status == "done"
    assert {event["message"] for event in events(tmp_path, "warning")} == {"not evaluated: all samples are the same"}
    assert not events(tmp_path, "evaluation")


def test_the_pointer_names_what_is_there(tmp_path: Path):
    with pytest.raises(InputError, match="names no best checkpoint"):
        best_checkpoint(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    point_at_best(tmp_path / "checkpoints", "images-000000032")
    with pytest.raises(InputError, match="images-000000032, is gone"):
        best_checkpoint(tmp_path)


@pytest.mark.parametrize("wrong", [{"images": 0}, {"share": 0.0}, {"share": 1.5}, {"share": math.nan}])
def test_wrong_plans_are_refused(wrong: dict[str, Any]):
    with pytest.raises(InputError):
        scripted(SCRIPT, **wrong)


def test_pruning_leaves_nothing_else(tmp_path: Path):
    """A newer best lets the older one go with the next checkpoint."""
    script = SCRIPT | {64: 0.1}
    go(tmp_path, images_run(keep_checkpoints=1), evaluating=scripted(script))
    assert names(tmp_path) == ["images-000000064", "images-000000080"]
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if path.name.startswith(".")]
