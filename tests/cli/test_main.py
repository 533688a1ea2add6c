"""The command line's front: help without torch, one line and exit code 2 for what is wrong."""

import os
import signal
import subprocess
import sys

import pytest

from nablagan import __version__
from nablagan.cli.main import VERBS, main, parsers
from nablagan.types import InputError

WRONG = {
    "no verb": ([], "VERB"),
    "misspelt verb": (["trian"], "did you mean train?"),
    "unknown verb": (["xyzzy"], "there are train, sample"),
    "misspelt option": (["train", "--imagse", "5"], "did you mean --images?"),
    "second recipe": (["train", "strided", "r3gan"], "unknown argument 'r3gan'"),
    "not a number": (["train", "--images", "many"], "200k"),
    "abbreviation": (["train", "--imag", "5"], "did you mean --images?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_one_line_and_exit_2(case, capsys):
    argv, expected = WRONG[case]
    with pytest.raises(SystemExit) as ended:
        main(argv)
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert error.startswith("nablagan: error: ")
    assert expected in error


@pytest.mark.parametrize("argv", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_is_quick_because_nothing_heavy_is_imported(argv):
    """No timed assertion: the imports are what costs."""
    code = (
        "import sys; from nablagan.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('heavy:', [name for name in ('torch', 'numpy', 'matplotlib', 'PIL', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
    assert len(done.stdout) > 20


def test_every_verb_shows_an_example():
    _, verbs = parsers()
    for name, verb in verbs.items():
        assert f"nablagan {name} " in verb.format_help()


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"nablagan {__version__}\n")


def test_wrong_input_is_one_line_and_exit_2(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no image")
    for argv in (
        ["train", "--data", str(tmp_path / "nowhere")],
        ["train", "--data", str(tmp_path / "empty")],
        ["train", "--data", str(tmp_path / "text.txt")],
        ["train", "nosuchrecipe"],
        ["train", "--loss", "hinges"],
        ["train", "--device", "gpu"],
        ["train", "points"],
        ["train", "strided", "--data", "builtin:ring"],
        ["train", "--data", "builtin:ring", "--augment", "color"],
        ["train", "--augment", "blur"],
        ["train", "--ema", "10,none"],
        ["train", "--seconds", "0"],
        ["train", "--gamma", "-1"],
        ["train", "--batch", "0"],
        ["train", "--tensorboard", "--data", "builtin:nosuch"],
        ["sample", str(tmp_path)],
        ["explain", str(tmp_path)],
        ["report", str(tmp_path)],
        ["data", str(tmp_path / "empty")],
    ):
        assert main(argv) == 2, argv
        error = capsys.readouterr().err
        assert error.startswith("nablagan: error: "), argv
        assert error.count("\n") == 1, argv


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch):
    def broken(arguments):
        raise ValueError("a defect")

    monkeypatch.setattr(VERBS["data"], "run", broken)
    with pytest.raises(ValueError, match="a defect"):
        main(["data"])


def test_a_message_of_several_lines_becomes_one(monkeypatch, capsys):
    def refused(arguments):
        raise InputError("it does not fit:\n\tsize mismatch\n")

    monkeypatch.setattr(VERBS["data"], "run", refused)
    assert main(["data"]) == 2
    assert capsys.readouterr().err == "nablagan: error: it does not fit: size mismatch\n"


def test_interrupted_outside_training(monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(VERBS["data"], "run", interrupted)
    assert main(["data"]) == 130


def test_a_reader_that_goes_away_ends_it_quietly(monkeypatch):
    def little(arguments):  # less than a buffer: written out only at the end
        print("a page")
        return 0

    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(VERBS["data"], "run", little)
        assert main(["data"]) == 128 + signal.SIGPIPE
