"""Without `-m oracle` nothing here is even imported: the libraries are heavy, and need not be installed."""

import os
from pathlib import Path

import pytest

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted = config.getoption("markexpr")
    return None if "oracle" in wanted and "not oracle" not in wanted else True


os.environ.update(QUIET)  # read by TensorFlow when it is imported
