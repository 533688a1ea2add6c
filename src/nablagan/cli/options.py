"""Options that several verbs share, and how their words become values."""

import argparse
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DEFAULT_EXTRACTOR = "efficientnet_lite0"


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """How a data set is opened: resolution, channels, fit, bad files, cache."""
    group = parser.add_argument_group("data")
    group.add_argument("--resolution", type=resolution, metavar="N|HxW", help="side in pixels, default from the data")
    group.add_argument("--channels", type=int, metavar="N", help="1 for grey, 3 for colour, default from the data")
    group.add_argument("--fit", choices=("crop", "pad", "stretch", "border"), help="how images get to one size")
    group.add_argument(
        "--limit-bad", type=float, default=0.01, metavar="PART", help="unusable files allowed (default 0.01)"
    )
    group.add_argument("--cache", metavar="DIR", help="decoded images (default $NABLAGAN_CACHE or ~/.cache/nablagan)")


def add_extractor_arguments(group: Any) -> None:
    """Which network sees the images, its weights and its choices."""
    group.add_argument(
        "--extractor",
        metavar="NAME",
        help="efficientnet_lite0 (default), digits, fid_inception, dinov2_..., clip_..., onnx",
    )
    group.add_argument(
        "--weights", type=Path, metavar="FILE", help="weights of an extractor that does not ship with any"
    )
    group.add_argument(
        "--choose",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a choice of the extractor, such as side=112; repeatable",
    )


def choices_of(words: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE pairs as a table; numbers become numbers. InputError for words without =."""
    from nablagan.types import InputError

    found: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise InputError(f"--choose {word}: give NAME=VALUE, such as side=112")
        found[name.replace("-", "_")] = int(value) if value.isdecimal() else value
    return found


def checkpoint_of(run: Path, given: Path) -> Path:
    """The checkpoint as given, or below the run directory when it is not there; `best` is the one that is named so."""
    from nablagan.training.best import POINTER, best_checkpoint

    if given == Path(POINTER) and not (given / "manifest.json").is_file():
        return best_checkpoint(run)
    return given if given.is_dir() else run / given


def resolution(text: str) -> int | tuple[int, int]:
    """A side such as 64, or height and width such as 64x48."""
    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) == 1:
        return sides[0]
    if len(sides) == 2:
        return sides[0], sides[1]
    raise argparse.ArgumentTypeError(f"{text!r} is not a side such as 64, or height and width such as 64x48")


def named(module: Any, names: Iterable[str], name: str, what: str) -> Any:
    """The attribute of `module` called `name`. InputError with the nearest of `names` if it is none of them."""
    from nablagan.types import InputError

    choices = list(names)
    if name in choices:
        return getattr(module, name)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise InputError(f"no {what} '{name}': {hint}there are {', '.join(choices)}")
