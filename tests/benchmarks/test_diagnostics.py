"""The costs of diagnostics: that every one is timed, and that what is said of a spectrum is the spectrum's."""

import importlib.util
from pathlib import Path

import pytest
import torch

from nablagan.data import open_dataset

PATH = Path(__file__).parents[2] / "benchmarks" / "diagnostics.py"


@pytest.fixture(scope="module")
def script():
    """By its path: `diagnostics` is also the name of a folder of tests."""
    spec = importlib.util.spec_from_file_location("benchmark_of_diagnostics", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_and_tables_of_a_tiny_gan(script, monkeypatch):
    """Of the cheapest diagnostic and the spectrum, cut short: what did not converge is said."""
    every = script.cases
    chosen = "field_norms", "eigenvalues(J, count=6)"
    monkeypatch.setattr(script, "cases", lambda at, iterations: {name: every(at, iterations)[name] for name in chosen})
    monkeypatch.setitem(script.WIDTHS, "tiny", (2, 2, 2))
    rows = list(script.rows_of("tiny", open_dataset("builtin:digits", resolution=16), iterations=1))
    assert tuple(row["name"] for row in rows) == chosen
    assert all(row["fields"] > 0 for row in rows)
    assert rows[1]["complete"] == (rows[1]["found"] == "6 of 6")
    assert rows[1]["products"] >= 20
    text = script.table(rows)
    assert text.count("\n| ") == len(rows) + 3  # with the seconds, and the table of spectra
    assert f"| {rows[1]['products']} |" in text


def test_the_sizes_are_what_they_say(script):
    for name, widths in script.WIDTHS.items():
        pair = (
            script.dcgan.generator((1, 16, 16), classes=10, widths=widths),
            script.dcgan.discriminator((1, 16, 16), classes=10, widths=widths),
        )
        count = sum(p.numel() for player in pair for p in player.parameters())
        assert count == pytest.approx(1e6 * float(name), rel=0.1)


def test_the_games_step_is_its_last_one(script):
    at = script.setting((4, 2, 2), open_dataset("builtin:digits", resolution=16))
    assert torch.equal(at.game.point(), at.end)
    assert not torch.equal(at.start, at.end)
