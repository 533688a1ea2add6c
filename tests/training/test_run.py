"""A run as JSON and back, and what is refused."""

import functools
import json
import subprocess  # noqa: F401  imported, so that only the rule refuses it
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from nablagan import losses, penalties
from nablagan.optim import Alternating, Simultaneous, constant
from nablagan.training.config import FORMAT, from_json, reference, resolve, to_json
from nablagan.training.run import PenaltySettings
from nablagan.types import InputError
from runs import images_run, points_run
from slopes import net, pair_of


@pytest.mark.parametrize("run", [images_run(), points_run(update=Simultaneous, dtype="float64")])
def test_a_run_survives_json(run):
    assert from_json(json.loads(json.dumps({"format": FORMAT, **to_json(run)}))) == run


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("images", 0),
        ("tick_images", 0),
        ("batch_size", -1),
        ("keep_checkpoints", 0),
        ("seed", -1),
        ("ema_half_lives", ()),
        ("ema_half_lives", (100, 0)),
        ("augmentations", ("colour",)),
        ("dtype", "float16"),
    ],
)
def test_impossible_settings_are_refused_by_name(setting: str, value):
    with pytest.raises(InputError, match=setting.removesuffix("s")):
        images_run(**{setting: value})


@pytest.mark.parametrize("player", ["penalties", "generator_penalties"])
def test_a_penalty_listed_twice_is_refused(player: str):
    twice = (PenaltySettings(penalties.r1, constant(1.0)), PenaltySettings(penalties.r1, constant(2.0)))
    with pytest.raises(InputError, match="listed twice"):
        images_run(**{player: twice})


def test_functions_are_named_and_found():
    assert reference(losses.hinge) == "nablagan.losses:hinge"
    assert resolve("nablagan.losses:hinge") is losses.hinge
    assert resolve(reference(Alternating)) is Alternating


def test_a_function_without_an_importable_name_is_refused():
    with pytest.raises(InputError, match="define it at the top level"):
        reference(lambda x: x)
    with pytest.raises(InputError, match="has no name to be imported by"):
        reference(functools.partial(losses.hinge))


METHOD = partial(penalties.aligned_central_fd, step=0.1)
PARTIALS = {
    "method": partial(penalties.r1, method=penalties.aligned_central_fd),
    "nested": penalties.lazily(penalties.on_fraction(partial(penalties.r1, method=METHOD), 0.5), 8, 4),
    "random": partial(penalties.r2, method=penalties.random_jvp(2)),
}


def with_penalty(penalty):
    return images_run(
        penalties=(PenaltySettings(penalty, constant(1.0), every=3),),
        generator_penalties=(PenaltySettings(partial(penalties.path_length, target=1.0), constant(2.0)),),
    )


@pytest.mark.parametrize("penalty", PARTIALS.values(), ids=PARTIALS.keys())
def test_partial_penalties_survive_json_and_give_the_same_values(penalty):
    content = json.loads(json.dumps(to_json(with_penalty(penalty))))
    again = from_json(content)
    assert to_json(again) == content
    pair = pair_of()._replace(images_seen=0)
    for one, other in zip((again.penalties[0].penalty, penalty), (penalty, again.penalties[0].penalty), strict=True):
        assert torch.equal(one(net(), pair), other(net(), pair))
    assert again.generator_penalties[0].penalty.keywords == {"target": 1.0}


def test_partials_of_what_json_cannot_hold_are_refused():
    with pytest.raises(InputError, match=r"a partial holds a Tensor, which config\.json cannot: give numbers"):
        to_json(with_penalty(partial(penalties.r1, method=partial(penalties.aligned_central_fd, step=torch.ones(())))))
    with pytest.raises(InputError, match="define it at the top level"):
        to_json(with_penalty(partial(penalties.r1, method=lambda discriminator, points: None)))


@pytest.mark.parametrize("name", ["os:system", "builtins:eval", "torch:load", "subprocess:run"])
def test_a_configuration_cannot_give_arguments_to_functions_of_libraries(name):
    content = to_json(with_penalty(penalties.r1))
    content["penalties"][0]["penalty"] = {"partial": name, "arguments": ["x"], "keywords": {}}
    with pytest.raises(InputError, match=f"'{name}' is a library's"):
        from_json(content)


def test_a_configuration_of_before_generator_penalties_is_read():
    content = to_json(images_run())
    del content["generator_penalties"]
    assert from_json(content) == images_run()


def test_a_configuration_cannot_import_modules_of_its_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="import evil_module in your program first, if you trust it"):
        resolve("evil_module:run")
    assert "evil_module" not in sys.modules


@pytest.mark.parametrize("name", ["nablagan.losses:nothing", "nablagan.nothing:hinge", "hinge", "nablagan.losses:", 3])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(InputError, match=str(name)):
        resolve(name)


def test_another_format_and_foreign_content_are_refused():
    content = to_json(images_run())
    with pytest.raises(InputError, match="format 99"):
        from_json({"format": 99, **content})
    for bad in ({}, [], content | {"unknown": 1}, content | {"data": 3}, content | {"penalties": [{}]}):
        with pytest.raises(InputError, match=r"config\.json"):
            from_json(bad)
