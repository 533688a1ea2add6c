"""Settings, data and environment as tables."""

from typing import Any

from nablagan.report.record import read_run
from nablagan.report.tables import MOST_BAD, MOST_ROWS, in_words, rows, settings


def test_nested_settings_become_dotted_names(started_run: Any) -> None:
    table = dict(rows(read_run(started_run.directory).config))
    assert table["generator.options.size"] == "tiny"
    assert table["penalties.1.penalty"] == "nablagan.penalties:r1"
    assert table["penalties.1.weight"] == "0.2 → 0.02 over 1\u202f000 images (cosine)"
    assert table["images"] == "64\u202f000"
    assert table["conditional"] == "yes"
    assert table["data.resolution"] == "–"


def test_values_are_cut_not_lost_without_a_word() -> None:
    assert in_words(list(range(100))).endswith("59 and 40 more")
    assert len(in_words("x" * 10_000)) < 1_100
    assert in_words({"start": 1, "end": 1, "images": 0}) == "1, constant"
    assert in_words([]) == "–"


def test_bad_files_are_listed_by_reason(started_run: Any) -> None:
    bad = {"not an image": ["a.txt", "<b>.png"], "truncated": [f"{i}.png" for i in range(MOST_BAD + 5)], "odd": 3}
    started_run.json("data.json", {"name": "photos", "bad": bad, "bad_count": 107})
    section = settings(read_run(started_run.directory))
    assert "<summary>not an image<small>2 files</small></summary>" in section
    assert "<li>&lt;b&gt;.png</li>" in section
    assert "and 5 more: data.json has them all" in section
    assert "<b>odd</b>: 3" in section


def test_class_counts_are_bars_relative_to_the_largest(started_run: Any) -> None:
    started_run.json("data.json", {"classes": ["a", "b"], "class_counts": {"a": 50, "b": 100}})
    section = settings(read_run(started_run.directory))
    assert "width:50.0%" in section
    assert "width:100.0%" in section
    started_run.json("data.json", {"classes": ["alpha", "beta"]})
    assert "alpha, beta" in settings(read_run(started_run.directory))


def test_missing_files_have_no_table_and_long_ones_are_cut(started_run: Any) -> None:
    (started_run.directory / "environment.json").unlink()
    started_run.json("config.json", {str(i): i for i in range(MOST_ROWS + 1)})
    section = settings(read_run(started_run.directory))
    assert "Environment" not in section
    assert f"Only the first {MOST_ROWS} rows are shown." in section
