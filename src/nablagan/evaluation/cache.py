"""Features of real data on disk, so that they are taken once: written aside and renamed, verified when they are read.

A file `features-v1/KEY.safetensors` in the cache directory holds one array and its sha256; KEY is the sha256 of the
data's fingerprint and the extractor's protocol. Two writers of one key write the same; what does not verify is
taken again and replaced.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from nablagan.data.files import write_bytes
from nablagan.data.hashing import hash_of_array, hash_of_json
from nablagan.types import InputError

LAYOUT = "features-v1"


def cached_features(
    cache: Path, fingerprint: str, protocol: Mapping[str, Any], take: Callable[[], np.ndarray]
) -> np.ndarray:
    """float32 (n, d): what `take()` gives, from the disk where it has been taken before of the same data.

    InputError when the cache cannot be written.
    """
    path = cache / LAYOUT / f"{hash_of_json([fingerprint, dict(protocol)])[:40]}.safetensors"
    found = _read(path)
    if found is not None:
        return found
    features = take()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = safetensors.numpy.save({"features": features}, {"sha256": hash_of_array(features)})
        write_bytes(path, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write the cache at {cache}: {reason}; choose another with --cache DIR") from error
    return features


def _read(path: Path) -> np.ndarray | None:
    """The array, or None where there is none or any byte of it is not what was written."""
    try:
        with safe_open(path, framework="numpy") as file:
            features, digest = file.get_tensor("features"), (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):  # missing, unreadable, or not what was written
        return None
    return features if digest == hash_of_array(features) else None
