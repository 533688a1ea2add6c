"""IDX files made by hand after the description of MNIST's format, whole and damaged."""

import gzip
import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest

from data.making import photo
from nablagan.data import open_dataset
from nablagan.data.idx import is_idx_name, read_idx
from nablagan.types import InputError

IMAGES = np.stack([photo(16, 16, 1, seed=seed) for seed in range(12)])
LABELS = (np.arange(12) % 3).astype(np.uint8)
FASHION = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))


def idx(array, kind=8):
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder, name="train", labels=LABELS, gz=False, dot="-"):
    pack = gzip.compress if gz else bytes
    suffix = ".gz" if gz else ""
    path = folder / f"{name}-images{dot}idx3-ubyte{suffix}"
    path.write_bytes(pack(idx(IMAGES)))
    if labels is not None:
        (folder / f"{name}-labels{dot}idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))
    return path


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_images_with_the_labels_beside(tmp_path, gz, dot):
    dataset = open_dataset(write(tmp_path, gz=gz, dot=dot))
    np.testing.assert_array_equal(dataset.samples[:, 0], IMAGES)
    assert dataset.labels.tolist() == LABELS.tolist()
    assert dataset.classes == ("0", "1", "2")
    assert dataset.name == f"{tmp_path.name}-train"
    assert dataset.description["labels_file"].startswith("train-labels")


def test_plain_images_find_gzipped_labels(tmp_path):
    path = write(tmp_path, labels=None)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)))
    assert open_dataset(path).labels.tolist() == LABELS.tolist()


def test_a_folder_gives_the_training_images(tmp_path):
    write(tmp_path, "t10k", labels=None)
    assert open_dataset(tmp_path).name.endswith("t10k")
    write(tmp_path, "train")
    assert open_dataset(tmp_path).name.endswith("train")


def test_without_labels(tmp_path):
    dataset = open_dataset(write(tmp_path, labels=None))
    assert (dataset.labels, dataset.classes, dataset.description["labels_file"]) == (None, (), None)
    (tmp_path / "own.idx").write_bytes(idx(IMAGES))
    assert open_dataset(tmp_path / "own.idx").labels is None


def test_classes_are_the_labels_that_occur(tmp_path):
    dataset = open_dataset(write(tmp_path, labels=LABELS * 2 + 1))
    assert dataset.classes == ("1", "3", "5")
    assert dataset.labels.tolist() == LABELS.tolist()
    assert open_dataset(write(tmp_path, labels=LABELS * 0)).labels is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an IDX file: it begins with nothing"),
        (b"hello world", "not an IDX file: it begins with 68 65 6c 6c"),
        (idx(IMAGES)[:9], "ends within its header"),
        (idx(IMAGES)[:-1], "promises 3,072 bytes, more than it can hold|holds 3,071 bytes"),
        (idx(IMAGES) + b"x", "promises 3,072 bytes and holds more"),
        (idx(IMAGES.astype(">f4"), 0x0D), "IDX type 0x0d; only unsigned bytes"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", *[0xFFFFFFFF] * 3), "more than it can hold"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 100, 1000, 1000), "more than it can hold"),
        (bytes([0, 0, 8, 0]), "not an IDX file"),
        (idx(LABELS), "give an IDX file of images"),
        (idx(IMAGES[:3]), "holds 3 usable samples"),
    ],
)
@pytest.mark.parametrize("gz", [False, True])
def test_damaged_files_are_refused(tmp_path, data, words, gz):
    path = tmp_path / ("a-images-idx3-ubyte" + ".gz" * gz)
    path.write_bytes(gzip.compress(data) if gz else data)
    with pytest.raises(InputError, match=words):
        open_dataset(path)


def test_damaged_gzip_is_refused_or_read(tmp_path):
    whole, random = gzip.compress(idx(IMAGES)), np.random.default_rng(0)
    path, refused = tmp_path / "a-images-idx3-ubyte.gz", 0
    for trial in range(100):
        data = bytearray(whole)
        data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
        path.write_bytes(data[: int(random.integers(len(data)))] if trial % 4 == 0 else data)
        try:
            np.testing.assert_array_equal(read_idx(path), IMAGES)
        except InputError:
            refused += 1
    assert refused > 80


def test_a_gzip_bomb_is_read_no_further_than_its_header_promises(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(IMAGES) + bytes(96 << 20), 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="holds more"):
        read_idx(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # in KiB


def test_a_promise_past_the_memory_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setattr("nablagan.data.idx.fits_in_memory", lambda size: False)
    with pytest.raises(InputError, match="memory"):
        read_idx(path)


def test_labels_of_other_images_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"shape \(11,\) for 12 images; the two files do not belong together"):
        open_dataset(write(tmp_path, labels=LABELS[:-1]))


def test_the_file_of_labels_is_not_the_images(tmp_path):
    write(tmp_path)
    with pytest.raises(InputError, match="holds labels; give the file of images beside it"):
        open_dataset(tmp_path / "train-labels-idx1-ubyte")


@pytest.mark.parametrize(
    ("name", "expected"), [("train-images-idx3-ubyte.gz", True), ("a.idx3", True), ("a.gz", False)]
)
def test_names(name, expected):
    assert is_idx_name(name) is expected


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist():
    dataset = open_dataset(FASHION)
    assert dataset.samples.shape == (60_000, 1, 32, 32)
    assert set(dataset.description["class_counts"].values()) == {6000}
