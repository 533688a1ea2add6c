"""Translations to compare with."""

import numpy as np
import pytest

from nablagan.baselines.translation import identity, nearest_source
from nablagan.types import InputError

SOURCES = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 5), dtype=np.uint8)


def test_identity_in_other_channels():
    """Oracle: Pillow's conversion to grey."""
    from PIL import Image

    assert identity(SOURCES, 3) is SOURCES
    grey = identity(SOURCES, 1)
    for own, source in zip(grey, SOURCES, strict=True):
        pillow = np.asarray(Image.fromarray(source.transpose(1, 2, 0).copy()).convert("L"))
        assert np.abs(own[0].astype(int) - pillow).max() <= 1
    assert (identity(grey, 3) == grey).all()
    with pytest.raises(InputError, match="no plain picture in 2"):
        identity(SOURCES, 2)


def test_the_target_of_the_nearest_source():
    targets = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    near = np.clip(SOURCES[[2, 0]].astype(int) + 3, 0, 255).astype(np.uint8)
    assert nearest_source(near, SOURCES, targets).flatten().tolist() == [2, 0]
    with pytest.raises(InputError, match="as many of both"):
        nearest_source(near, SOURCES, targets[:3])
    with pytest.raises(InputError, match="give one size"):
        nearest_source(near[:, :1], SOURCES, targets)
