"""`nablagan data`: a table for people, JSON for programs, a picture, and errors that reach the caller."""

import argparse
import json

import pytest
from PIL import Image

from data.making import encoded, photo, write_photos
from nablagan.cli import data
from nablagan.types import InputError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NABLAGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("COLUMNS", "200")


def parsed(*words):
    parser = argparse.ArgumentParser(prog="nablagan data")
    data.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def run(*words):
    return data.run(parsed(*words))


def test_json_tells_everything_and_where_the_picture_is(tmp_path, capsys):
    write_photos(tmp_path / "photos" / "cat", 6)
    write_photos(tmp_path / "photos" / "dog", 6, first_seed=5)
    (tmp_path / "photos" / "dog" / "bad.png").write_bytes(b"bad")
    status = run(tmp_path / "photos", "--json", "--limit-bad", "0.1", "--out", tmp_path / "new" / "out")
    report = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (report["count"], report["class_counts"]) == (12, {"cat": 6, "dog": 6})
    assert report["bad"] == {"not an image": ["dog/bad.png"]}
    assert report["duplicates"]["with_another_label"] == 1
    assert report["contact_sheet"] == str(tmp_path / "new" / "out" / "contact-sheet.png")
    with Image.open(report["contact_sheet"]) as sheet:
        assert sheet.size == (sheet.width, 2 * 50 + 2)
        assert sheet.width > 12 * 50


def test_the_table_says_it_in_words(tmp_path, capsys):
    write_photos(tmp_path, 12)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "bad.png").write_bytes(b"bad")
    assert run(tmp_path, "--resolution", "8x16", "--channels", "1", "--fit", "pad", "--limit-bad", ".2") == 0
    out = capsys.readouterr().out
    for words in (
        "12 images",
        "1 x 8 x 16",
        "pad (as asked)",
        "16x16: 12",
        ".txt: 1",
        "bad: not an image",
        "1: bad.png",
    ):
        assert words in out
    assert "warning: only 12 samples" in out
    assert "contact sheet: " in out


def test_the_default_is_the_digits_and_points_have_a_table_too(capsys):
    assert parsed().data == "builtin:digits"
    assert run("builtin:ring") == 0
    assert "8 classes" in capsys.readouterr().out


def test_names_cannot_control_the_terminal(tmp_path, capsys):
    write_photos(tmp_path / "photos" / "a\x1b[2J", 8)
    write_photos(tmp_path / "photos" / "[red]b", 8)
    (tmp_path / "photos" / "[red]b" / "\x1b[2J.png").write_bytes(b"bad")
    run(tmp_path / "photos", "--limit-bad", "1")
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert "[red]b: 8" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["builtin:digit"], "did you mean builtin:digits"),
        (["builtin:ring", "--resolution", "30"], "images of 30x30 cannot be built"),
        (["builtin:ring", "--channels", "0"], "channels 0 is not possible"),
        (["builtin:ring", "--limit-bad", "7"], "limit_bad"),
    ],
)
def test_wrong_input_reaches_the_caller_as_one_line(words, message, capsys):
    with pytest.raises(InputError, match=message) as caught:
        run(*words)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("option", [["--resolution", "big"], ["--resolution", "1x2x3"], ["--fit", "zoom"]])
def test_wrong_options_are_usage_errors(option, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("builtin:ring", *option)
    assert caught.value.code == 2
    assert option[1] in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*contact-sheet.png: .*--out DIR"):
        run("builtin:ring", "--out", tmp_path / "file")


def test_a_deep_cache_that_cannot_be_written_is_one_line(tmp_path):
    write_photos(tmp_path / "photos", 8)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another with --cache DIR"):
        run(tmp_path / "photos", "--cache", tmp_path / "file")


def test_people_at_a_terminal_see_progress_on_standard_error(tmp_path, monkeypatch, capsys):
    (tmp_path / "a").mkdir()
    for index in range(8):
        (tmp_path / "a" / f"{index}.jpg").write_bytes(encoded(photo(16, 16, seed=index), "JPEG"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    run(tmp_path / "a", "--json")
    assert capsys.readouterr().err == ""
    run(tmp_path / "a", "--resolution", "8")
    assert "decoding" in capsys.readouterr().err


def test_pairs_domains_and_masks_are_shown_side_by_side(tmp_path, capsys):
    for folder, seed in (("A", 0), ("B", 30), ("images", 60), ("masks", 90)):
        write_photos(tmp_path / folder, 9, first_seed=seed)
    found = {}
    for layout in ("pairs", "domains", "masked"):
        assert run(tmp_path, "--layout", layout, "--json", "--out", tmp_path / layout) == 0
        found[layout] = json.loads(capsys.readouterr().out)
    assert (found["pairs"]["is_paired"], found["domains"]["is_paired"]) == (True, False)
    assert (found["pairs"]["source_count"], found["masked"]["mask_count"]) == (9, 9)
    widths = {}
    for layout, report in found.items():
        with Image.open(report["contact_sheet"]) as sheet:
            widths[layout] = sheet.width
    assert widths["pairs"] == widths["masked"] > 9 * 2 * 16
    assert run(tmp_path, "--layout", "pairs", "--out", tmp_path) == 0
    assert "9 of 3 x 16 x 16, a source for each sample" in capsys.readouterr().out
