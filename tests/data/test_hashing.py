"""Hashes against hashlib on the whole, and pieces that cover everything once."""

import hashlib

import numpy as np
import pytest

from nablagan.data import hashing


def test_a_file_larger_than_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "PIECE_BYTES", 7)
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    assert hashing.hash_of_file(path) == hashlib.sha256(bytes(range(100))).hexdigest()


def test_json_has_one_spelling():
    assert hashing.hash_of_json({"b": 1, "a": [2]}) == hashing.hash_of_json({"a": [2], "b": 1})
    assert hashing.hash_of_json({"a": [2, 3]}) == hashlib.sha256(b'{"a":[2,3]}').hexdigest()


def test_an_array_is_its_values_shape_and_type():
    array = np.arange(24, dtype=np.int16).reshape(4, 6)
    hashed = hashing.hash_of_array(array)
    assert hashed == hashlib.sha256(b"<i2(4, 6)" + array.tobytes()).hexdigest()
    assert hashed == hashing.hash_of_array(np.asfortranarray(array))
    others = [array.reshape(6, 4), array.astype(np.int32), array + 1, array[::-1]]
    assert hashed not in [hashing.hash_of_array(other) for other in others]


@pytest.mark.parametrize("shape", [(0, 3), (1, 5), (10, 4), (7, 0), (1000, 3)])
def test_pieces_cover_the_first_axis_once(shape):
    pieces = hashing.blocks(np.zeros(shape, np.uint8), 16)
    assert [index for start, stop in pieces for index in range(start, stop)] == list(range(shape[0]))
    assert all((stop - start) * max(1, shape[1]) <= 16 or stop - start == 1 for start, stop in pieces) or not shape[1]
