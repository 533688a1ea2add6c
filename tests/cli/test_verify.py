"""The verb `verify`."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from nablagan import closed_form
from nablagan.cli.main import main


def test_the_table_is_for_people(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["verify"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "17 of 17 corrected statements hold" in told.out
    assert "article: ∇_G E log(1 - D(G(z))) = +E[∇_G D(G(z)) / (1 - D(G(z)))]" in told.out
    assert "right: -E[∇_θ D(G(z)) / (1 - D(G(z)))] = -E[σ(b) J_G^T ∇_x b]" in told.out


def test_json_is_for_programs(capsys: Any) -> None:
    assert main(["verify", "--seed", "1", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["holds"], content["failing"], content["seed"]) == (True, [], 1)
    assert len(content["statements"]) == 17
    found = {statement["name"]: statement for statement in content["statements"]}
    assert found["S5"]["article_error"] == pytest.approx(2)
    assert found["S5"]["right_error"] <= content["autograd_tolerance"]
    assert found["S5"]["right_error_by_differences"] <= content["differences_tolerance"]
    assert found["C4"]["right_error"] is None


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_a_correction_that_does_not_hold_is_exit_1_and_named(
    options: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = closed_form.minimax
    monkeypatch.setattr(
        closed_form,
        "minimax",
        lambda a, b: right(a, b)._replace(generator_fake=right(a, b).generator_fake * float("nan")),
    )
    assert main(["verify", *options]) == 1
    told = capsys.readouterr()
    assert told.err == "nablagan: S3, S5, S6, C5: the corrected statement does not hold\n"
    if options:
        content = json.loads(told.out)
        assert (content["holds"], content["failing"]) == (False, ["S3", "S5", "S6", "C5"])
        assert content["statements"][4]["right_error"] == "nan"
    else:
        assert "DOES NOT HOLD" in told.out
        assert "13 of 17 corrected statements hold" in told.out


@pytest.mark.parametrize("seed", ["-1", "9223372036854775808"])
def test_a_seed_out_of_range_is_one_line(seed: str, capsys: Any) -> None:
    assert main(["verify", "--seed", seed]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nablagan: error: the seed is {seed}: ")
    assert error.count("\n") == 1


def test_a_terminal_without_greek_letters_gets_a_table() -> None:
    command = [sys.executable, "-m", "nablagan", "verify"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "17 of 17 corrected statements hold" in done.stdout
