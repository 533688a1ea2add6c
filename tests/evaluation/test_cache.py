"""Features on disk: taken once, and anew when a byte is wrong."""

from pathlib import Path

import numpy as np
import pytest

from nablagan.evaluation.cache import LAYOUT, cached_features
from nablagan.types import InputError

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)
PROTOCOL = {"name": "a", "side": 64}


class Taking:
    """Gives the features and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> np.ndarray:
        self.times += 1
        return FEATURES


def test_features_are_taken_once_for_each_key(tmp_path: Path):
    take = Taking()
    for _ in range(3):
        assert np.array_equal(cached_features(tmp_path, "data", PROTOCOL, take), FEATURES)
    assert take.times == 1
    cached_features(tmp_path, "other data", PROTOCOL, take)
    cached_features(tmp_path, "data", PROTOCOL | {"side": 112}, take)
    assert take.times == 3
    assert len(list((tmp_path / LAYOUT).iterdir())) == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_damaged_entries_are_taken_anew(tmp_path: Path, damage: str):
    take = Taking()
    cached_features(tmp_path, "data", PROTOCOL, take)
    (path,) = (tmp_path / LAYOUT).iterdir()
    whole = path.read_bytes()
    damaged = {
        "flip": whole[:-1] + bytes([whole[-1] ^ 1]),
        "cut": whole[:-5],
        "empty": b"",
        "other": b"not safetensors at all",
    }
    path.write_bytes(damaged[damage])
    assert np.array_equal(cached_features(tmp_path, "data", PROTOCOL, take), FEATURES)
    assert take.times == 2
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / LAYOUT).write_text("a file where the directory should be")
    with pytest.raises(InputError, match=r"cannot write the cache.*--cache DIR"):
        cached_features(tmp_path, "data", PROTOCOL, Taking())
