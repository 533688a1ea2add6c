"""Sources and masks joined to a data set."""

import numpy as np
import pytest

from nablagan.data import Dataset
from nablagan.data.pairing import in_blocks, with_masks, with_sources
from nablagan.types import InputError


def made(count=9, shape=(3, 8, 16), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


@pytest.fixture
def dataset():
    return Dataset("photos", made(), None, (), "abc", {"name": "photos", "fingerprint": "abc"})


def test_a_data_set_has_none_unless_given(dataset):
    assert (dataset.sources, dataset.is_paired, dataset.masks) == (None, True, None)


def test_the_fingerprint_covers_both_sides_and_how_they_belong_together(dataset):
    sources = made(shape=(1, 8, 16), seed=1)
    pairs = with_sources(dataset, sources)
    assert pairs.sources is sources
    assert pairs.description == {
        "name": "photos",
        "fingerprint": pairs.fingerprint,
        "is_paired": True,
        "source_count": 9,
        "source_shape": [1, 8, 16],
        "source_content": pairs.description["source_content"],
    }
    others = [dataset, with_sources(dataset, sources, is_paired=False), with_sources(dataset, 255 - sources)]
    others.append(with_masks(dataset, made(4, (1, 8, 16))))
    assert len({one.fingerprint for one in [pairs, *others]}) == 5
    assert with_sources(dataset, sources.copy()).fingerprint == pairs.fingerprint


def test_what_does_not_fit(dataset):
    with pytest.raises(InputError, match="photos has 9 samples of 8x16 and 8 sources of 8x16; pairs need one source"):
        with_sources(dataset, made(8))
    with pytest.raises(InputError, match="9 sources of 8x8"):
        with_sources(dataset, made(shape=(3, 8, 8)))
    with pytest.raises(InputError, match="masks of 8x8 for samples of 8x16"):
        with_masks(dataset, made(shape=(1, 8, 8)))
    assert with_sources(dataset, made(5, (1, 4, 4)), is_paired=False).description["source_count"] == 5


def test_rows_come_in_blocks_and_tell_how_far_they_are():
    said = []
    blocks = list(in_blocks(lambda item: np.full(2, item), [1, 2, 3], lambda *words: said.append(words), size=2))
    assert [block.tolist() for block in blocks] == [[[1, 1], [2, 2]], [[3, 3]]]
    assert said == [(2, 3, "drawing"), (3, 3, "drawing")]
