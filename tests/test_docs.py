"""The command line takes the commands of the pages on translation and completion; their Python compiles."""

import re
import shlex
from pathlib import Path

import pytest

from nablagan.cli.main import parsed

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("translation.md", "completion.md")
TEXTS = {page: (DOCS / page).read_text(encoding="utf-8") for page in PAGES}
COMMANDS = [line for text in TEXTS.values() for line in re.findall(r"^nablagan .*$", text, re.MULTILINE)]


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    assert parsed(shlex.split(command, comments=True)[1:]).verb == command.split()[1]


@pytest.mark.parametrize("page", PAGES)
def test_python_compiles(page: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXTS[page], re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        compile(block, page, "exec")


@pytest.mark.parametrize("page", PAGES)
def test_pages_that_are_named_exist(page: str) -> None:
    named = set(re.findall(r"docs/([a-z-]+\.md)", TEXTS[page]))
    assert named
    assert {name for name in named if not (DOCS / name).is_file()} == set()


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 15
