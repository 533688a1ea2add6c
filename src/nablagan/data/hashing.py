"""sha256 of files and arrays, in pieces, so that nothing large is copied."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

PIECE_BYTES = 1 << 22


def hash_of_json(value: Any) -> str:
    """sha256 (hex) of a plain JSON value in its one canonical spelling."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def hash_of_file(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def hash_of_array(array: np.ndarray) -> str:
    """sha256 (hex) of an array's shape, type and values."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for start, stop in blocks(array):
        digest.update(np.ascontiguousarray(array[start:stop]).data)
    return digest.hexdigest()


def blocks(array: np.ndarray, block_bytes: int = PIECE_BYTES) -> list[tuple[int, int]]:
    """(start, stop) pairs that cut an array's first axis into pieces of about `block_bytes`."""
    if not len(array):
        return []
    step = max(1, block_bytes * len(array) // max(1, array.nbytes))
    return [(start, min(start + step, len(array))) for start in range(0, len(array), step)]
