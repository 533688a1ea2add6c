"""The costs of metrics: that every case runs, and that a table holds what was measured."""

import importlib.util
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).parents[2] / "benchmarks" / "metrics.py"


@pytest.fixture(scope="module")
def script():
    """By its path: `metrics` is also the name of a folder of tests."""
    spec = importlib.util.spec_from_file_location("benchmark_of_metrics", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_case_and_the_table(script):
    threads = torch.get_num_threads()
    rows = [script.case(name, 40, 4, 16, threads) for name in ("measure", *script.CASES)]
    assert set(rows[0]["stages"]) == set(script.STAGES)
    assert all(row["seconds"] > 0 and row["peak_mib"] > 0 for row in rows)
    assert script.table(rows).count("\n| ") == len(rows) + len(script.STAGES)
