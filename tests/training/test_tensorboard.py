"""Event files read back by TensorBoard itself."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nablagan.training.tensorboard import TensorBoard
from nablagan.types import InputError
from runs import BATCH, events, go, images_run, stop_at

pytest.importorskip("tensorboard")


def read_back(directory: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tensorboard's own imports
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(directory / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
        return found.Reload()


def train(directory: Path, **options: Any) -> None:
    board = TensorBoard(directory)
    go(directory, listeners=(board,), **options)
    board.close()


def check_against_events(directory: Path) -> None:
    """Every measure of every tick once, and every picture once, in order."""
    found = read_back(directory)
    ticks = events(directory, "tick")
    for name in ticks[0]["measures"]:
        points = [(point.step, point.value) for point in found.Scalars(name)]
        expected = [(tick["images_seen"], float(np.float32(tick["measures"][name]))) for tick in ticks]
        assert points == expected
    assert [p.step for p in found.Scalars("time/images_per_second")] == [tick["images_seen"] for tick in ticks]
    assert [p.step for p in found.Images("samples")] == [e["images_seen"] for e in events(directory, "samples")]


def test_measures_and_pictures_are_written(tmp_path: Path):
    train(tmp_path)
    check_against_events(tmp_path)
    found = read_back(tmp_path).Images("samples")[-1]
    with Image.open(tmp_path / "samples/images-000000080.png") as picture:
        assert (found.width, found.height) == picture.size


def test_resuming_repeats_no_point(tmp_path: Path):
    train(tmp_path, on_step=stop_at(5 * BATCH))
    newest = tmp_path / "checkpoints/images-000000040/state.json"
    newest.write_bytes(b"damaged: the tick at 32 and the picture at 40 are taken back")
    train(tmp_path)
    check_against_events(tmp_path)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_a_run_that_began_without_gets_its_whole_history(tmp_path: Path):
    go(tmp_path, on_step=stop_at(5 * BATCH))
    train(tmp_path)
    check_against_events(tmp_path)


def test_files_of_others_are_left_alone(tmp_path: Path):
    (tmp_path / "tensorboard").mkdir(parents=True)
    other = tmp_path / "tensorboard/events.out.tfevents.1.host.2.0"
    other.write_bytes(b"")
    train(tmp_path, run=images_run(images=BATCH))
    assert other.exists()


def test_a_missing_package_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"pip install 'nablagan\[tensorboard\]'"):
        TensorBoard(tmp_path)
