"""Commands with options changed, as one would type them."""

import shlex
from collections.abc import Sequence
from typing import Any

PROGRAMS = ("nablagan", "__main__.py")
"""What environment.json calls the command line."""


def changed_command(recorded: Any, options: Sequence[str]) -> str:
    """The command that began a run with these options instead, in a new directory; "" where none was recorded.

    >>> changed_command(["nablagan", "train", "--gamma", "0", "--out=runs/a"], ["--gamma", "1"])
    'nablagan train --out=runs/a-changed --gamma 1'
    """
    if not isinstance(recorded, list) or not recorded or str(recorded[0]) not in PROGRAMS:
        return ""
    words = without([str(word) for word in recorded[1:]], [option for option in options if option.startswith("--")])
    return shlex.join(["nablagan", *elsewhere(words), *options])


def without(words: list[str], names: Sequence[str]) -> list[str]:
    """Words of a command without the options of these names and their values."""
    kept: list[str] = []
    skipping = False
    for word in words:
        if word.partition("=")[0] in names:
            skipping = "=" not in word
        elif not skipping:
            kept.append(word)
        else:
            skipping = False
    return kept


def elsewhere(words: list[str]) -> list[str]:
    """The same into another directory, where one was named."""
    changed = list(words)
    for place, word in enumerate(words):
        if word.startswith("--out="):
            changed[place] = f"{word.rstrip('/')}-changed"
        elif word == "--out" and place + 1 < len(words):
            changed[place + 1] = f"{words[place + 1].rstrip('/')}-changed"
    return changed
