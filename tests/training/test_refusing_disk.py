"""A disk that refuses any one operation of a session: a clear error, a sound `latest`, and the same end after it."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nablagan.training.checkpoint import verify
from nablagan.types import InputError
from runs import BATCH, go, images_run, story, tensor_bytes

RUN = images_run(images=4 * BATCH, checkpoint_images=2 * BATCH, picture_images=3 * BATCH)
CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR


class Disk:
    """Counts operations under a directory and refuses one of them."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        self.count = self.refused = self.error = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in CHANGING or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
        if self.directory is None or not changes or not str(arguments[0]).startswith(str(self.directory)):
            return
        self.count += 1
        if self.count == self.refused:
            raise OSError(self.error, os.strerror(self.error), str(arguments[0]))


@pytest.fixture(scope="module")
def disk() -> Disk:
    disk = Disk()
    sys.addaudithook(disk)  # cannot be taken away, so it is idle without a directory
    return disk


@contextmanager
def refusing(disk: Disk, directory: Path, number: int, error: int = errno.ENOSPC) -> Iterator[None]:
    disk.directory, disk.count, disk.refused, disk.error = directory, 0, number, error
    try:
        yield
    finally:
        disk.directory = None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, disk: Disk) -> tuple[Path, int]:
    """The run on a good disk, and the operations that it takes."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    with refusing(disk, directory, 0):
        go(directory, RUN)
    return directory, disk.count


@pytest.mark.parametrize("part", range(12))
def test_an_operation_that_is_refused(tmp_path: Path, disk: Disk, whole: tuple[Path, int], part: int):
    straight, operations = whole
    number = 1 + part * operations // 12
    error = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)[part % 4]
    directory = tmp_path / "run"
    refusal = ""
    try:
        with refusing(disk, directory, number, error):
            assert go(directory, RUN).status == "done"  # only what tidies up may be passed over
    except InputError as raised:
        refusal = str(raised)
    assert ("cannot be written" in refusal and os.strerror(error) in refusal) or (directory / "DONE").exists()
    assert bool(refusal) != (directory / "DONE").exists()
    latest = directory / "checkpoints/latest"
    if latest.exists():
        verify(latest.parent / latest.read_text().strip())
    assert go(directory, RUN).status == "done"
    assert tensor_bytes(directory) == tensor_bytes(straight)
    assert story(directory) == story(straight)


def test_most_refusals_are_errors(tmp_path: Path, disk: Disk, whole: tuple[Path, int]):
    with refusing(disk, tmp_path / "run", whole[1] // 2), pytest.raises(InputError, match="cannot be written"):
        go(tmp_path / "run", RUN)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/run cannot be written \(.*Not a directory"):
        go(tmp_path / "file/run", RUN)
