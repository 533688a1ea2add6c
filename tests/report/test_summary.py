"""The first sentence of the page: what was trained for what, on what."""

from typing import Any

import pytest

from nablagan.report.record import read_run
from nablagan.report.summary import summary_text


def told(run: Any, name: str, options: Any = None, **more: Any) -> str:
    generator = {"build": "nablagan.players.unet:generator"}
    config = {"recipe": "translate", "generator": generator, "loss": "nablagan.losses:relativistic"}
    run.json("config.json", config | {"task": {"build": f"nablagan.tasks:{name}", "options": options}} | more)
    run.json("data.json", {"name": "maps", "count": 4, "shape": [3, 32, 32], "source_shape": [1, 32, 32]})
    return summary_text(read_run(run.directory))


def test_a_translator_in_pairs(started_run: Any) -> None:
    assert told(started_run, "translation").startswith(
        "Recipe translate: a U-Net generator and a discriminator of patches with the relativistic loss, trained to "
        "translate in pairs on maps (4 images, 32×32 colour, from 32×32 grey)."
    )


def test_players_that_hold_others_are_called_by_what_they_hold(started_run: Any) -> None:
    options = {"net": "nablagan.players.resnet:generator"}
    generator = {"build": "nablagan.players.two_ways:generator", "options": options}
    text = told(started_run, "two_ways", generator=generator)
    assert "a ResNet generator" in text
    assert "trained to translate both ways without pairs on" in text


def test_completion_names_its_holes_and_regression_has_no_adversary(started_run: Any) -> None:
    text = told(started_run, "completion", {"adversarial": 0.0}, masks="nablagan.data.masks:random_mask")
    assert "without an adversary, trained to complete images with mixed holes on" in text
    assert "relativistic" not in text
    assert "with thick holes" in told(started_run, "completion", masks="nablagan.data.masks:thick")


@pytest.mark.parametrize("odd", [None, 3, [], {}, "x", True])
def test_odd_settings_are_told_as_far_as_they_go(started_run: Any, odd: Any) -> None:
    for key in ("task", "generator", "masks", "loss", "latent_size"):
        started_run.json("config.json", {key: odd})
        assert summary_text(read_run(started_run.directory))
    started_run.json("data.json", {"source_shape": odd})
    assert summary_text(read_run(started_run.directory))
