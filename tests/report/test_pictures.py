"""Pictures for the page: the right ones, within their budget, or a note of why not."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nablagan.report import pictures
from nablagan.report.pictures import final_samples, is_inside, log_spaced, picture, timeline, walk
from nablagan.report.record import read_run


def decoded(uri: str) -> Image.Image:
    from base64 import b64decode

    return Image.open(BytesIO(b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize("count", [0, 1, 2, 11, 12, 13, 500])
def test_chosen_moments_hold_the_first_and_the_last(count: int) -> None:
    moments = [1000 * i for i in range(count)]
    chosen = log_spaced(moments, 12)
    assert len(chosen) == min(count, 12)
    assert chosen == sorted(set(chosen))
    if count:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
    if count == 500:
        assert sum(index < 50 for index in chosen) > 5  # early changes are the large ones


def test_a_small_picture_goes_in_as_it_is_and_a_large_one_reduced(started_run: Any) -> None:
    started_run.picture("small.png", 32)
    started_run.picture("large.png", 700)
    problems: list[str] = []
    small = picture(started_run.directory, "samples/small.png", 50_000, problems)
    large = picture(started_run.directory, "samples/large.png", 50_000, problems)
    assert small is not None
    assert large is not None
    assert not problems
    content = (started_run.directory / "samples/small.png").read_bytes()
    stream = BytesIO()
    decoded(small.uri).save(stream, "PNG")
    assert len(small.uri) < len(content) * 4 / 3 + 40
    assert (small.is_reduced, large.is_reduced) == (False, True)
    assert len(large.uri) < 50_000 * 4 / 3 + 40
    assert decoded(large.uri).size == (large.width, large.height)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(50), "cut"])
def test_a_broken_picture_is_noted_and_the_one_before_it_shown(started_run: Any, content: Any) -> None:
    started_run.sample(640)
    started_run.sample(1280)
    path = started_run.directory / "samples/images-000001280.png"
    path.write_bytes(path.read_bytes()[:200] if content == "cut" else content)
    problems: list[str] = []
    shown = final_samples(read_run(started_run.directory), problems)
    assert shown is not None
    assert shown.images_seen == 640
    assert len(problems) == 1
    assert "images-000001280.png cannot be shown" in problems[0]


def test_a_picture_of_too_many_pixels_is_refused(started_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started_run.picture("large.png", 64)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 64 * 64 - 1)
    problems: list[str] = []
    assert picture(started_run.directory, "samples/large.png", 50_000, problems) is None
    assert "64x64 pixels are too many" in problems[0]


def test_missing_pictures_are_counted_and_events_are_not_needed(started_run: Any) -> None:
    started_run.sample(0)
    started_run.event("samples", 640, file="samples/gone.png")
    problems: list[str] = []
    assert [shown.images_seen for shown in timeline(read_run(started_run.directory), problems)] == [0]
    assert problems == ["1 of 2 sample pictures are missing (first: samples/gone.png)."]
    (started_run.directory / "events.jsonl").unlink()
    assert [shown.images_seen for shown in timeline(read_run(started_run.directory), [])] == [0]


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a\0b", "x" * 5000, "\ud800", ""])
def test_names_outside_the_run_and_impossible_names_are_no_files(started_run: Any, name: str) -> None:
    Image.new("L", (8, 8)).save(started_run.directory.parent / "secret.png")
    assert not is_inside(started_run.directory, name)


def test_a_long_walk_is_reduced_to_its_budget(started_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 96, 96), np.uint8)
    frames = [Image.fromarray(frame) for frame in noise]
    path = Path(started_run.directory / "samples/walk.gif")
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80)
    assert path.stat().st_size > 100_000
    monkeypatch.setattr(pictures, "WALK_BYTES", 100_000)
    problems: list[str] = []
    shown = walk(started_run.directory, problems)
    assert not problems
    assert shown is not None
    assert shown.is_reduced
    moving = decoded(shown.uri)
    assert getattr(moving, "n_frames", 1) == 20
    assert moving.info["duration"] == 160
    assert len(shown.uri) < 100_000 * 4 / 3 + 40
