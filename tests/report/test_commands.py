"""Commands with options changed, read back as a shell would."""

import shlex
from typing import Any

import pytest

from nablagan.report.commands import changed_command, without

GAMMA = ["--gamma", "1"]


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        (["train"], GAMMA, ["train", "--gamma", "1"]),
        (["train", "--gamma", "0"], GAMMA, ["train", "--gamma", "1"]),
        (["train", "--gamma=0", "--seed", "3"], GAMMA, ["train", "--seed", "3", "--gamma", "1"]),
        (["train", "--gamma", "0", "--gamma=2"], GAMMA, ["train", "--gamma", "1"]),
        (["train", "--spectral-norm", "--data", "x"], GAMMA, ["train", "--spectral-norm", "--data", "x", *GAMMA]),
        (["train", "r3gan", "--gamma", "0", "--json"], GAMMA, ["train", "r3gan", "--json", *GAMMA]),
        (
            ["train", "--learning-rate", "1", "--discriminator-learning-rate=2"],
            ["--learning-rate", "3", "--discriminator-learning-rate", "3"],
            ["train", "--learning-rate", "3", "--discriminator-learning-rate", "3"],
        ),
        (["train", "--out", "runs/a/"], GAMMA, ["train", "--out", "runs/a-changed", *GAMMA]),
        (["train", "--out=runs/a b"], GAMMA, ["train", "--out=runs/a b-changed", *GAMMA]),
        (["train", "--out"], GAMMA, ["train", "--out", *GAMMA]),
    ],
)
def test_one_thing_is_changed_in_another_directory(words: list[str], options: list[str], expected: list[str]) -> None:
    for program in ("nablagan", "__main__.py"):
        assert shlex.split(changed_command([program, *words], options)) == ["nablagan", *expected]


@pytest.mark.parametrize("recorded", [None, [], {}, "nablagan train", ["mine.py", "train"], [None, "train"]])
def test_a_run_begun_otherwise_has_no_command(recorded: Any) -> None:
    assert changed_command(recorded, GAMMA) == ""


def test_values_that_look_like_options_are_taken_for_values() -> None:
    assert without(["--gamma", "-1", "--seed", "2"], ["--gamma"]) == ["--seed", "2"]
