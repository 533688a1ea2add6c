"""The verb `report`."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from nablagan.cli import report
from nablagan.types import InputError


def answer(*words: str) -> int:
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return report.run(parser.parse_args(words))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The least that is a run."""
    (tmp_path / "events.jsonl").write_text('{"kind": "start", "images_seen": 0}\n')
    return tmp_path


def test_the_page_is_written_and_its_place_told(directory: Path, capsys: Any) -> None:
    assert answer(str(directory)) == 0
    told = capsys.readouterr()
    assert told.out == f"report: {directory / 'report.html'}\n"
    assert "note: config.json is missing." in told.err
    assert (directory / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_tells_programs_the_state(directory: Path, capsys: Any) -> None:
    out = directory / "page.html"
    assert answer(str(directory), "--out", str(out), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {key: told[key] for key in ("report", "status", "images_seen")} == {
        "report": str(out),
        "status": "interrupted",
        "images_seen": 0,
    }
    assert "config.json is missing." in told["problems"]
    assert out.exists()
    assert not (directory / "report.html").exists()


def test_what_is_no_run_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the directory that `nablagan train` wrote"):
        answer(str(tmp_path / "absent"))
