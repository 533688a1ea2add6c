"""A run as JSON and back, and what is refused."""

import functools
import json
import sys
from pathlib import Path

import pytest

from nablagan import losses
from nablagan.optim import Alternating, Simultaneous
from nablagan.training.run import FORMAT, from_json, reference, resolve, to_json
from nablagan.types import InputError
from runs import images_run, points_run


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


def test_functions_are_named_and_found():
    assert reference(losses.hinge) == "nablagan.losses:hinge"
    assert resolve("nablagan.losses:hinge") is losses.hinge
    assert resolve(reference(Alternating)) is Alternating


def test_a_function_without_an_importable_name_is_refused():
    with pytest.raises(InputError, match="define it at the top level"):
        reference(lambda x: x)
    with pytest.raises(InputError, match="has no name to be imported by"):
        reference(functools.partial(losses.hinge))


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
