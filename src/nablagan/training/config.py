"""config.json: a run as JSON and back, with functions by the name that imports them."""

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from nablagan.data import open_dataset
from nablagan.optim import Balanced, Cosine
from nablagan.players import layers
from nablagan.training.run import AdamSettings, DataSettings, PenaltySettings, PlayerSettings, Run, TaskSettings
from nablagan.types import InputError

FORMAT = 1
"""Version of config.json."""
REFERENCE = re.compile(r"[\w.]+:[\w.]+")
"""What a function or class looks like in JSON."""
OF_LATENTS = layers.bounded, layers.unbounded
"""Outputs of nets that start from a latent."""
LIBRARIES = sys.stdlib_module_names | {"torch", "numpy", "scipy"}
"""Packages whose functions a file must not give arguments to."""


def to_json(value: Any) -> Any:
    """Plain JSON of a Run or part of one; functions and classes become "module:name", functools.partial a mapping.

    Raises InputError for a function that cannot be imported by that name (a lambda, a local function), and for a
    partial of something that JSON cannot hold (a tensor).
    """
    if isinstance(value, partial):
        return {"partial": reference(value.func), "arguments": _plain(value.args), "keywords": _plain(value.keywords)}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return reference(value) if callable(value) else value


def _plain(given: Any) -> Any:
    """What a partial was given, as JSON."""
    for value in given.values() if isinstance(given, Mapping) else given:
        if not callable(value) and not isinstance(value, (type(None), bool, int, float, str, tuple, list)):
            raise InputError(
                f"a partial holds a {type(value).__name__}, which config.json cannot: "
                "give numbers, words and functions at the top level of a module"
            )
        if isinstance(value, (tuple, list)):
            _plain(value)
    return to_json(given)


def reference(thing: Callable[..., Any]) -> str:
    """The importable name of a function or class, "module:name". Raises InputError for what has none."""
    if not hasattr(thing, "__qualname__"):  # an object with __call__
        raise InputError(f"{thing!r} has no name to be imported by: define a function at the top level of a module")
    name = f"{thing.__module__}:{thing.__qualname__}"
    if "<" in name or resolve(name) is not thing:
        raise InputError(f"{name} cannot be imported by that name: define it at the top level of a module")
    return name


def resolve(name: str) -> Callable[..., Any]:
    """The function or class called "module:name". Raises InputError if there is none.

    A file that names functions must not run code of its choice: modules outside nablagan are looked up among those
    that the program has imported, never imported from here.
    """
    module, _, attribute = str(name).partition(":")
    if module.partition(".")[0] != "nablagan" and module not in sys.modules:
        raise InputError(f"'{name}' is outside nablagan: import {module} in your program first, if you trust it")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"no function '{name}': give module:name of something importable") from error
    return found


def from_json(content: Mapping[str, Any]) -> Run:
    """The Run that `to_json` wrote. Raises InputError for another format."""
    if not isinstance(content, Mapping):
        raise InputError("config.json is not a run: it holds no JSON object")
    if content.get("format", FORMAT) != FORMAT:
        raise InputError(f"config.json has format {content['format']}, this version reads {FORMAT}")
    content = {key: value for key, value in content.items() if key != "format"}
    try:
        return Run(
            **content
            | {
                "data": _data(content["data"]),
                "generator": _player(content["generator"]),
                "discriminator": _player(content["discriminator"]),
                "loss": resolve(content["loss"]),
                "generator_adam": _adam(content["generator_adam"]),
                "discriminator_adam": _adam(content["discriminator_adam"]),
                "penalties": _penalties(content["penalties"]),
                "generator_penalties": _penalties(content.get("generator_penalties", ())),
                "augmentations": tuple(content["augmentations"]),
                "augmentation_probability": Cosine(**content["augmentation_probability"]),
                "pair_augmentations": tuple(content.get("pair_augmentations", ())),
                "task": _task(content.get("task")),
                "masks": None if content.get("masks") is None else _function(content["masks"]),
                "update": resolve(content["update"]),
                "ema_half_lives": tuple(content["ema_half_lives"]),
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"config.json is not a run of this version: {error}") from error


def _data(content: Mapping[str, Any]) -> DataSettings:
    resolution, opener = content["resolution"], content.get("opener")
    changed = {"resolution": None if resolution is None else tuple(resolution)}
    return DataSettings(**{**content, **changed, "opener": open_dataset if opener is None else resolve(opener)})


def _player(content: Mapping[str, Any]) -> PlayerSettings:
    options = {k: _option(v) for k, v in content["options"].items()}
    if "source_shape" in options and options.get("output") in OF_LATENTS:
        raise InputError(
            "this run from images was made when outputs did not see their source and holes were given as grey: train "
            "it again, or use the nablagan that made it"
        )
    return PlayerSettings(resolve(content["build"]), options)


def _task(content: Mapping[str, Any] | None) -> TaskSettings:
    """Runs of before there were others are of generation."""
    if content is None:
        return TaskSettings()
    return TaskSettings(resolve(content["build"]), {k: _option(v) for k, v in content["options"].items()})


def _penalties(content: Any) -> tuple[PenaltySettings, ...]:
    return tuple(PenaltySettings(_function(p["penalty"]), _weight(p["weight"]), p.get("every", 1)) for p in content)


def _weight(content: Mapping[str, Any]) -> Cosine | Balanced:
    return Balanced(**content) if "target" in content else Cosine(**content)


def _function(content: Any) -> Callable[..., Any]:
    """A function from its name, or a partial of one: of nablagan or of the program that reads, of no library.

    Together with arguments of its choice a file must not name, for instance, a function that runs commands.
    """
    if not isinstance(content, Mapping):
        return resolve(content)
    function, name = resolve(content["partial"]), content["partial"]
    packages = {str(module).partition(".")[0] for module in (name.partition(":")[0], function.__module__)}
    if packages & LIBRARIES:
        raise InputError(f"'{name}' is a library's: with arguments, config.json may name your functions and nablagan's")
    keywords = {key: _option(value) for key, value in content["keywords"].items()}
    return partial(function, *map(_option, content["arguments"]), **keywords)


def _option(value: Any) -> Any:
    """A player's option: "module:name" is the function or class, a mapping a partial, a list was a tuple."""
    if isinstance(value, Mapping) and "partial" in value:
        return _function(value)
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return resolve(value)
    return tuple(map(_option, value)) if isinstance(value, list) else value


def _adam(content: Mapping[str, Any]) -> AdamSettings:
    schedules = {name: Cosine(**content[name]) for name in ("learning_rate", "beta2")}
    return AdamSettings(**{**content, **schedules})
