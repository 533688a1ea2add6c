""".npy and .npz files: which axis is what, which values mean black and white, and no pickle ever."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nablagan.data.arrays import ArraySource, check_count, open_arrays, open_points
from nablagan.data.dataset import Dataset
from nablagan.data.hashing import blocks
from nablagan.data.listing import opened_zip
from nablagan.data.memory import fits_in_memory
from nablagan.data.policy import Request
from nablagan.types import InputError

IMAGE_KEYS = ("images", "x", "x_train", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train", "arr_1")
_SLACK = 1e-4
"""Rounding allowed beyond [0, 1] and [-1, 1]."""

Convert = Callable[[np.ndarray], np.ndarray]


def open_npy(path: Path, request: Request, cache: Path) -> Dataset:
    """The images or points of one .npy file, read through a memory map."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy's parser of headers raises anything: TokenError, SyntaxError, MemoryError, ...
        raise InputError(f"{path} cannot be read without pickle ({_first_line(error)}); save it anew") from error
    return _open(path, array, None, request, cache)


def open_npz(path: Path, request: Request, cache: Path) -> Dataset:
    """Images under `images`, `x`, `x_train` or `arr_0`, labels under `labels`, `y`, `y_train` or `arr_1`."""
    with opened_zip(path) as archive:
        names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        image_key = next((key for key in IMAGE_KEYS if key in names), None)
        label_key = next((key for key in LABEL_KEYS if key in names), None)
        if image_key is None:
            found = ", ".join(sorted(names)[:6]) or "nothing"
            raise InputError(f"{path} has no array named {', '.join(IMAGE_KEYS)} but {found}; rename one")
        images = _read_member(path, archive, names[image_key])
        labels = _read_member(path, archive, names[label_key]) if label_key else None
    return _open(path, images, labels, request, cache)


def _open(path: Path, array: np.ndarray, labels: np.ndarray | None, request: Request, cache: Path) -> Dataset:
    if array.ndim:
        check_count(len(array), str(path))
    class_index, classes = (None, ()) if labels is None or not array.ndim else _labels(path, labels, len(array))
    if array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # _value_range finds the infinity
            points = np.array(array, np.float32)
        _value_range(path, points)
        return open_points(ArraySource(path.stem, str(path), points, class_index, classes), request)
    layout, to_layout = _layout(path, array)
    meaning, to_bytes = _meaning(path, array)
    notes = {"layout": layout, "values": meaning}
    source = ArraySource(
        path.stem, str(path), array, class_index, classes, notes, lambda block: to_bytes(to_layout(block))
    )
    return open_arrays(source, request, cache)


def _layout(path: Path, array: np.ndarray) -> tuple[str, Convert]:
    """Name of the axes' order and what brings a block to (n, C, H, W): channels are on the shorter axis."""
    if array.ndim == 3:
        return "NHW", lambda block: block[:, None]
    if array.ndim == 4 and array.shape[3] < array.shape[1]:
        return "NHWC", lambda block: block.transpose(0, 3, 1, 2)
    if array.ndim == 4:
        return "NCHW", lambda block: block
    raise InputError(
        f"{path} has shape {array.shape}; images are (N, H, W), (N, H, W, C) or (N, C, H, W), points (N, 2)"
    )


def _meaning(path: Path, array: np.ndarray) -> tuple[str, Convert]:
    """What the values mean, and what brings a block to uint8."""
    if array.dtype.kind == "b":
        return "false and true", lambda block: block.astype(np.uint8) * 255
    if array.dtype.kind not in "iuf":
        raise InputError(f"{path} holds {array.dtype} values; save images as uint8, or as floats in [0, 1]")
    low, high = _value_range(path, array)
    if array.dtype.kind in "iu" and low >= 0 and high == 1:
        return "0 and 1", lambda block: block.astype(np.uint8) * 255
    if array.dtype == np.uint8:
        return "0 to 255", lambda block: block
    if array.dtype == np.uint16 and high > 255:
        return "0 to 65535", lambda block: ((block.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype.kind in "iu" and low >= 0 and high <= 255:
        return "0 to 255", lambda block: block.astype(np.uint8)
    if array.dtype.kind == "f" and low >= -_SLACK and high <= 1 + _SLACK:
        return "[0, 1]", lambda block: _rounded(block.astype(np.float32) * 255)
    if array.dtype.kind == "f" and -1 - _SLACK <= low < -0.5 and high <= 1 + _SLACK:
        return "[-1, 1]", lambda block: _rounded((block.astype(np.float32) + 1) * 127.5)
    raise InputError(
        f"{path} holds {array.dtype} values from {low:g} to {high:g}, not [0, 1], [-1, 1] or 0 to 255; "
        "scale them, or save uint8"
    )


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _value_range(path: Path, array: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value; InputError for NaN and infinity, with the first sample that has one."""
    low, high = np.inf, -np.inf
    for start, stop in blocks(array):
        block = array[start:stop]
        if array.dtype.kind == "f" and not np.isfinite(block).all():
            first = start + int(np.flatnonzero(~np.isfinite(block).reshape(len(block), -1).all(axis=1))[0])
            raise InputError(f"{path} holds NaN or infinity, first in sample {first}; remove such samples")
        if block.size:
            low, high = min(low, float(block.min())), max(high, float(block.max()))
    return low, high


def _labels(path: Path, labels: np.ndarray, count: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Class index of each sample and the class names; the distinct values in order. One class is no class."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "iubUS":
        raise InputError(
            f"{path} has labels of shape {labels.shape} and type {labels.dtype} for {count} samples; "
            "give one integer or string a sample"
        )
    values, index = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        return None, ()
    names = tuple(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values)
    return index.astype(np.int64), names


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array of an .npz; its header is held against the member's size before memory is taken."""
    try:
        if not fits_in_memory(info.file_size):
            raise ValueError(f"{info.filename} is larger than a quarter of the memory; save it as .npy")
        with archive.open(info) as stream:
            major, _ = np.lib.format.read_magic(stream)
            read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[major](stream)
            size = stream.tell() + dtype.itemsize * int(np.prod(shape, dtype=object))
            if dtype.hasobject or size != info.file_size:
                raise ValueError(f"{info.filename} holds objects, or not as many bytes as its shape asks for")
        with archive.open(info) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # numpy's and zipfile's parsers raise anything: TokenError, zlib.error, ...
        raise InputError(f"{path} cannot be read without pickle ({_first_line(error)}); save it anew") from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
