"""The derivative check at the start of a run: its event, and that nothing else of the run changes by it."""

from pathlib import Path

import pytest
import torch

from nablagan.optim import constant
from nablagan.players import r3gan
from nablagan.training.run import PenaltySettings, PlayerSettings
from nablagan.types import InputError, Pair
from runs import BATCH, events, go, images_run, points_run, stop_at, story, tensor_bytes


def test_it_is_an_event_and_changes_no_byte_of_the_run(tmp_path: Path, straight: Path):
    """Also when the run is stopped and resumed: it is not repeated."""
    assert go(tmp_path, check_derivatives=True, on_step=stop_at(BATCH)).status == "stopped"
    assert go(tmp_path, check_derivatives=True).status == "done"
    assert tensor_bytes(tmp_path) == tensor_bytes(straight)
    (event,) = events(tmp_path, "derivative_check")
    assert [e for e in story(tmp_path) if e["kind"] != "derivative_check"] == story(straight)
    assert [e["kind"] for e in events(tmp_path)[:3]] == ["start", "derivative_check", "samples"]
    assert "penalty_r1 in the discriminator" in event["agree"]
    assert (event["images_seen"], event["unjudged"], event["rows"]) == (0, [], 4)
    assert max(event["time"]["relative_errors"].values()) <= event["tolerance"]


def lost(discriminator, pair: Pair) -> torch.Tensor:
    """A penalty that has lost its slope."""
    with torch.no_grad():
        return discriminator(pair.real, pair.label).square()


def test_a_wrong_gradient_ends_it_before_anything_is_written(tmp_path: Path):
    run = points_run(images=BATCH, penalties=(PenaltySettings(lost, constant(1.0)),))
    with pytest.raises(InputError, match="penalty lost does not change"):
        go(tmp_path / "run", run, check_derivatives=True)
    assert not (tmp_path / "run").exists()
    assert go(tmp_path / "run", run).status == "done"


def test_a_player_in_bfloat16_is_checked_as_it_would_be_in_float64(tmp_path: Path):
    options = {"widths": (16, 8), "group_size": 8, "depth": 1, "bfloat16_stages": 1}
    players = {
        "generator": PlayerSettings(r3gan.generator, options),
        "discriminator": PlayerSettings(r3gan.discriminator, options),
    }
    go(tmp_path, images_run(images=BATCH, **players), check_derivatives=True)
    assert len(events(tmp_path, "derivative_check")[0]["agree"]) == 6
