"""IDX files, the format of MNIST and Fashion-MNIST, plain or gzipped, and the labels beside them."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from nablagan.data.arrays import ArraySource, open_arrays
from nablagan.data.dataset import Dataset
from nablagan.data.memory import fits_in_memory
from nablagan.data.policy import Request
from nablagan.types import InputError

_UNSIGNED_BYTES = 0x08
_LARGEST_GZIP_RATIO = 1032
"""Deflate cannot do more, so a header that promises more lies."""


def is_idx_name(name: str) -> bool:
    """True for names such as train-images-idx3-ubyte.gz."""
    return "-idx" in name or ".idx" in name


def idx_images_of(folder: Path) -> Path | None:
    """The IDX file of images in a folder, the training ones if there are several; None without any."""
    found = sorted(path for path in folder.iterdir() if is_idx_name(path.name) and "images" in path.name)
    training = [path for path in found if "train" in path.name]
    return (training or found or [None])[0]


def open_idx(path: Path, request: Request, cache: Path) -> Dataset:
    """The data set of an IDX file of images and, if it lies beside, its file of labels."""
    if "labels" in path.name:
        raise InputError(f"{path} holds labels; give the file of images beside it")
    images = read_idx(path)
    if images.ndim != 3:
        raise InputError(f"{path} has shape {images.shape}, not (N, H, W); give an IDX file of images")
    labels_path = _labels_beside(path)
    labels, classes = (None, ()) if labels_path is None else _labels(labels_path, len(images))
    notes = {"labels_file": labels_path.name if labels_path else None}
    name = path.name.split("-images")[0].split(".")[0]
    source = ArraySource(f"{path.resolve().parent.name}-{name}", str(path), images[:, None], labels, classes, notes)
    return open_arrays(source, request, cache)


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file; reads no more than the header promises, and InputError for less."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            shape = _shape(path, stream.read(4), stream)
            size = math.prod(shape)
            _check_size(path, size)
            data = bytearray(size)
            read = _fill(stream, data)
            beyond = stream.read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); copy or download it again") from error
    if read < size or beyond:
        found = f"{read:,} bytes" if read < size else "more"
        raise InputError(f"{path} promises {size:,} bytes and holds {found}; copy or download it again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _shape(path: Path, magic: bytes, stream: gzip.GzipFile | object) -> tuple[int, ...]:
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= 4:
        raise InputError(f"{path} is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}")
    if magic[2] != _UNSIGNED_BYTES:
        raise InputError(f"{path} holds IDX type 0x{magic[2]:02x}; only unsigned bytes (0x08) are images")
    header = stream.read(4 * magic[3])  # type: ignore[attr-defined]
    if len(header) < 4 * magic[3]:
        raise InputError(f"{path} ends within its header; copy or download it again")
    return struct.unpack(f">{magic[3]}I", header)


def _check_size(path: Path, size: int) -> None:
    largest = path.stat().st_size * (_LARGEST_GZIP_RATIO if path.suffix == ".gz" else 1)
    if size > largest or not fits_in_memory(size):
        raise InputError(f"{path} promises {size:,} bytes, more than it can hold or the memory takes; check its origin")


def _fill(stream: gzip.GzipFile | object, data: bytearray) -> int:
    view, read = memoryview(data), 0
    while read < len(data) and (count := stream.readinto(view[read:])):  # type: ignore[attr-defined]
        read += count
    return read


def _labels_beside(images: Path) -> Path | None:
    stem = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    places = (images.with_name(stem), images.with_name(stem + ".gz"))
    return next((place for place in places if place.is_file() and place != images), None)


def _labels(path: Path, count: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Class index of each image and the class names: the values that occur, in order. One class is no class."""
    labels = read_idx(path)
    if labels.shape != (count,):
        raise InputError(f"{path} has shape {labels.shape} for {count} images; the two files do not belong together")
    values, index = np.unique(labels, return_inverse=True)
    return (index.astype(np.int64), tuple(map(str, values))) if len(values) > 1 else (None, ())
