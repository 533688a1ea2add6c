"""A section of the report that is made of the records in a directory of the run."""

import json
from collections.abc import Callable
from typing import Any

from PIL import Image

from nablagan.report import read_run
from nablagan.report.record import RunRecord


def section_of(
    make: Callable[[RunRecord], str], run: Any, directory: str, picture: str, contents: tuple[Any, ...]
) -> tuple[str, list[str]]:
    """The section and the problems noted about the directory; a picture is there, the records' names are numbered."""
    (run.directory / directory).mkdir(exist_ok=True)
    Image.new("L", (40, 20)).save(run.directory / directory / picture)
    for number, content in enumerate(contents):
        text = content if isinstance(content, str) else json.dumps(content)
        (run.directory / directory / f"{number}.json").write_text(text)
    record = read_run(run.directory)
    return make(record), [problem for problem in record.problems if directory in problem]
