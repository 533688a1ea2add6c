"""The page as a whole: complete for every state of a run, safe against what its files hold, and self-contained."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nablagan.report import read_run, write_page, write_report
from nablagan.types import InputError

VOID = {"meta", "link", "img", "path", "use"}
HOSTILE = (
    '</title></style><script>alert(1)</script><img src="https://evil.example/x" onerror=alert(1)>&amp;\x00\u202e"\''
)


class Elements(HTMLParser):
    """Counts elements, keeps their attributes and complains of unbalanced ones."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def test_a_whole_run_shows_every_section_in_order(whole_run: Any, page_of: Any) -> None:
    text = page_of(whole_run)
    names = ["samples", "curves", "others", "through-time", "time", "notes", "settings", "go-on"]
    places = [text.index(f'<section id="{name}"') for name in names]
    assert places == sorted(places)
    elements = Elements(text)
    assert elements.count["svg"] == 7  # losses, logits, norms, penalty, its weight, speed, and one unknown measure
    assert elements.count["img"] == 1 + 1 + 1 + 11  # generated, real, walk, through time
    assert '<span class="badge done">done</span>' in text


def test_the_page_refers_to_nothing_outside(whole_run: Any, page_of: Any) -> None:
    text = page_of(whole_run)
    elements = Elements(text)
    targets = [value for name in ("src", "href") for value in elements.values(name)]
    assert len(targets) > 20
    assert all(value.startswith(("data:", "#")) for value in targets)
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#", "", text)
    inner = {value[1:] for value in targets if value.startswith("#")}
    identities = elements.values("id")
    assert inner <= set(identities)
    assert len(identities) == len(set(identities))


def test_the_same_run_gives_the_same_bytes_and_leaves_nothing_beside(small_run: Any, tmp_path: Path) -> None:
    first, second = (write_report(small_run.directory, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00001-digits", "a.html", "b.html"]
    assert not (small_run.directory / "report.html").exists()


def test_a_report_that_fails_leaves_the_old_one(small_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_report(small_run.directory)
    before = path.read_bytes()

    def full(self: Path, content: bytes) -> None:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"cannot write .*report.html: No space left on device; .*--out"):
        write_report(small_run.directory)
    assert path.read_bytes() == before
    assert not list(small_run.directory.glob(".writing*"))


@pytest.mark.parametrize("out", ["missing/page.html", "00001-digits"])
def test_an_out_that_cannot_be_written_is_named(small_run: Any, tmp_path: Path, out: str) -> None:
    with pytest.raises(InputError, match=r"cannot write .*; choose another place with --out FILE"):
        write_report(small_run.directory, tmp_path / out)
    assert not list(tmp_path.glob(".writing*"))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no config\.json or events\.jsonl"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="is not a directory"):
        write_report(tmp_path / "absent")


def test_a_run_without_a_tick_says_so(started_run: Any, page_of: Any) -> None:
    text = page_of(started_run)
    Elements(text)
    assert "No progress has been recorded yet" in text
    assert "There are no sample pictures yet" in text
    assert "interrupted" in text


@pytest.mark.parametrize("name", ["config.json", "data.json", "environment.json", "events.jsonl", "samples", "DONE"])
@pytest.mark.parametrize("damage", ["missing", "empty", "binary", "list", "deep", "directory"])
def test_a_page_comes_of_any_damage(small_run: Any, name: str, damage: str) -> None:
    path = small_run.directory / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    contents = {"empty": b"", "binary": bytes(range(256)), "list": b"[1, 2]\n", "deep": b'{"a":' * 100_000}
    if damage in contents:
        path.write_bytes(contents[damage])
    elif damage == "directory":
        path.mkdir()
    record = read_run(small_run.directory)
    Elements(write_page(record).read_text(encoding="utf-8"))
    if name not in ("DONE", "samples"):
        assert any(name in problem for problem in record.problems)


def test_pictures_that_are_broken_or_gone_are_noted_once(small_run: Any) -> None:
    small_run.sample(1920)
    (small_run.directory / "samples/images-000001920.png").write_bytes(b"no picture")
    (small_run.directory / "samples/images-000000640.png").unlink()
    record = read_run(small_run.directory)
    text = write_page(record).read_text(encoding="utf-8")
    assert [problem[:40] for problem in record.problems] == [
        "samples/images-000001920.png cannot be s",
        "1 of 3 sample pictures are missing (firs",
    ]
    assert '<b class="count">2</b>' in text
    assert "Generated, after 1\u202f280 images" in text


@pytest.mark.parametrize(
    "values", [HOSTILE, "\ud800", float("nan"), float("inf"), 10**400, -1, 0, True, None, [], {}, [[]], 1e308]
)
def test_any_json_value_anywhere_is_shown_as_text(whole_run: Any, values: Any) -> None:
    directory = whole_run.directory
    for name in ("config", "data", "environment"):
        path = directory / f"{name}.json"
        path.write_text(json.dumps(replaced(json.loads(path.read_text()), values)))
    lines = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    with (directory / "events.jsonl").open("a") as file:
        for event in lines:
            file.write(json.dumps(replaced(event, values) | {"kind": event["kind"]}) + "\n")
            shown = dict.fromkeys(event, values)
            file.write(json.dumps(shown | {"kind": event["kind"]}) + "\n")
    (directory / "DONE").write_text(json.dumps({"reason": values}))
    elements = Elements(write_report(directory).read_text(encoding="utf-8"))
    assert elements.count["script"] == 0
    assert elements.count["html"] == elements.count["title"] == elements.count["style"] == 1
    assert not [name for _, name, _ in elements.attributes if name.startswith("on")]
    assert all(value.startswith(("data:", "#")) for value in elements.values("src") + elements.values("href"))


def replaced(content: Any, value: Any) -> Any:
    """The same tree with each leaf replaced, and hostile names beside the known ones."""
    if isinstance(content, dict) and content:
        return {key: replaced(item, value) for key, item in content.items()} | {HOSTILE: value}
    return [replaced(item, value) for item in content] if isinstance(content, list) and content else value


def test_hostile_directory_names_are_text(whole_run: Any, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    shutil.move(whole_run.directory, tmp_path / name)
    elements = Elements(write_report(tmp_path / name).read_text(encoding="utf-8"))
    assert name in "".join(elements.texts)
    assert not [attribute for _, attribute, _ in elements.attributes if attribute == "onerror"]


def test_unconditional_points_are_described_as_such(whole_run: Any, page_of: Any) -> None:
    whole_run.json("data.json", {"name": "ring", "count": 1000, "kind": "points", "shape": [2], "classes": []})
    config = json.loads((whole_run.directory / "config.json").read_text())
    whole_run.json("config.json", config | {"conditional": False})
    (whole_run.directory / "samples/walk.gif").unlink()
    text = page_of(whole_run)
    assert "ring (1\u202f000 points)" in text
    assert "Generated points lie over real ones, in grey." in text
    assert "class-conditionally" not in text
    assert "--class" not in text
    assert "Walk through latent space" not in text
    assert "No warning" not in text


def test_drawing_a_report_never_loads_torch(whole_run: Any) -> None:
    code = (
        "import sys; from pathlib import Path; from nablagan.report import write_report; "
        "write_report(Path(sys.argv[1])); print(*[n for n in sys.modules if n.startswith(('torch', 'nablagan.'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(whole_run.directory)], capture_output=True, text=True, check=True
    )
    loaded = result.stdout.split()
    assert "nablagan.report.page" in loaded
    assert all(name.startswith("nablagan.report") or name == "nablagan.types" for name in loaded)
