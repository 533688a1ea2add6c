"""One thread for nets of a few hundred weights, and the run that several tests compare with: trained once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from runs import go, images_run


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take ten times as long where all cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of `images_run`, trained without a stop. Read it, do not write."""
    directory = tmp_path_factory.mktemp("straight") / "run"
    assert go(directory, images_run()).status == "done"
    return directory
