"""The benchmark that kills and resumes, in short."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks/kill_resume.py"


@pytest.mark.slow
def test_killed_and_stopped_runs_end_with_the_same_bytes():
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--kills", "6", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert figures["kills"] == 6
    assert figures["differing_bytes_after_kills"] == figures["differing_bytes_after_stops"] == 0
