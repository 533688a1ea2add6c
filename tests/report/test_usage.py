"""The commands at the end of the page."""

import html
import re
import shlex
from typing import Any

import pytest

from nablagan.report.record import read_run
from nablagan.report.usage import how_to_go_on


def commands(run: Any) -> list[str]:
    return [html.unescape(code) for code in re.findall(r"<code>(.*?)</code>", how_to_go_on(read_run(run.directory)))]


def test_an_unfinished_run_is_resumed_by_its_command_in_its_directory(started_run: Any) -> None:
    assert commands(started_run)[0] == f"nablagan train --images 64000 --out {started_run.directory}"
    started_run.json("environment.json", {"command": ["__main__.py", "train", "--out=runs/a b"]})
    assert commands(started_run)[0] == "nablagan train '--out=runs/a b'"
    started_run.json("environment.json", {"command": ["mine.py", "x"]})
    assert commands(started_run)[0] == "mine.py x"
    started_run.json("environment.json", {})
    assert commands(started_run)[0].startswith("nablagan sample ")


def test_a_finished_run_has_nothing_to_resume(whole_run: Any) -> None:
    assert not any(command.startswith("nablagan train") for command in commands(whole_run))


def test_one_class_is_offered_where_there_are_classes(started_run: Any) -> None:
    assert any("--class 2 " in command for command in commands(started_run))  # of three
    started_run.json("config.json", {"conditional": False})
    assert not any("--class" in command for command in commands(started_run))


def test_directories_are_quoted_and_relative_where_they_can_be(
    started_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = started_run.directory.with_name("a b; echo 'c'")
    started_run.directory.rename(odd)
    started_run.directory = odd
    monkeypatch.chdir(odd.parent)
    assert shlex.split(commands(started_run)[1])[2] == odd.name


def of_images(run: Any, task: str, **more: Any) -> list[str]:
    run.json("config.json", {"task": {"build": f"nablagan.tasks.{task}:{task}"}, "latent_size": 0, **more})
    return commands(run)


def test_a_run_that_starts_from_images_translates_or_completes(whole_run: Any) -> None:
    found = of_images(whole_run, "translation")
    assert [command.split()[1] for command in found] == ["translate", "evaluate", "report"]
    found = of_images(whole_run, "two_ways")
    assert [command.split()[1] for command in found] == ["translate", "translate", "evaluate", "report"]
    assert "--direction backward" in found[1]
    found = of_images(whole_run, "completion", masks="nablagan.data.masks:random_mask")
    assert [command.split()[1] for command in found] == ["complete", "complete", "evaluate", "report"]
    assert ("--mask" in found[0], "--box" in found[1]) == (True, True)


@pytest.mark.parametrize("size", [8, 0, None, "x", 10**400])
def test_several_answers_are_offered_where_there_are_latents(whole_run: Any, size: Any) -> None:
    found = of_images(whole_run, "translation", latent_size=size)
    assert any(command.endswith("--count 4 --seed 1") for command in found) == (size == 8)


def test_every_command_is_one_that_the_command_line_takes(whole_run: Any) -> None:
    from nablagan.cli.main import parsed

    for task, more in (("two_ways", {}), ("completion", {"masks": "nablagan.data.masks:box"}), ("translation", {})):
        for command in of_images(whole_run, task, **(more | {"latent_size": 4})):
            parsed(shlex.split(command)[1:])  # exits where one is not
