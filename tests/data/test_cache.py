"""Entries are returned as written, or rebuilt; damage is always found."""

import json
import os
import time

import numpy as np
import pytest

from data.making import write_photos
from nablagan.data import cache as cache_files
from nablagan.data import open_dataset
from nablagan.types import InputError

KEY = "0123456789abcdef" * 4
ROWS = np.arange(6 * 12, dtype=np.uint8).reshape(6, 3, 2, 2)
LABELS = np.arange(6)


def store(cache, rows=ROWS):
    blocks = iter([rows[:4], rows[4:]])
    return cache_files.store(cache, KEY, (3, 2, 2), blocks, lambda: (LABELS, {"bad": {"é": ["x"]}}))


def entry_of(cache):
    (entry,) = (cache / cache_files.LAYOUT).iterdir()
    return entry


def test_nothing_is_there_before_it_is_stored(cache):
    assert cache_files.load(cache, KEY) is None


def test_an_entry_is_returned_as_written(cache):
    for entry in (store(cache), cache_files.load(cache, KEY)):
        np.testing.assert_array_equal(entry.samples, ROWS)
        np.testing.assert_array_equal(entry.labels, LABELS)
        assert entry.description == {"bad": {"é": ["x"]}}
    assert cache_files.load(cache, KEY[::-1]) is None
    assert sorted(path.name for path in entry_of(cache).iterdir()) == ["entry.json", "labels.npy", "samples.npy"]


def test_an_entry_without_labels_or_rows(cache):
    entry = cache_files.store(cache, KEY, (3, 2, 2), [], lambda: (None, {}))
    assert entry.samples.shape == (0, 3, 2, 2)
    assert entry.labels is None


@pytest.mark.parametrize("name", ["samples.npy", "labels.npy", "entry.json"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "empty"])
def test_damage_is_found_and_the_entry_is_rebuilt(cache, name, damage):
    store(cache)
    path = entry_of(cache) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    {
        "truncate": lambda: path.write_bytes(path.read_bytes()[:-1]),
        "flip": lambda: path.write_bytes(data),
        "delete": path.unlink,
        "empty": lambda: path.write_bytes(b""),
    }[damage]()
    assert cache_files.load(cache, KEY) is None
    np.testing.assert_array_equal(store(cache).samples, ROWS)
    assert cache_files.load(cache, KEY) is not None
    assert entry_of(cache).name == KEY[:32]


@pytest.mark.parametrize("record", ["[]", "3", '"x"', "{}", '{"sha256": 1, "files": []}', "[[[", "null"])
def test_a_record_of_another_kind_is_no_entry(cache, record):
    store(cache)
    (entry_of(cache) / "entry.json").write_text(record)
    assert cache_files.load(cache, KEY) is None


def test_a_changed_word_in_the_record_is_found(cache):
    store(cache)
    path = entry_of(cache) / "entry.json"
    path.write_text(path.read_text().replace('"bad"', '"sad"'))
    assert cache_files.load(cache, KEY) is None


def test_large_samples_are_memory_mapped_and_read_only(cache, monkeypatch):
    monkeypatch.setattr(cache_files, "fits_in_memory", lambda size: False)
    samples = store(cache).samples
    assert isinstance(samples, np.memmap)
    assert not samples.flags.writeable
    np.testing.assert_array_equal(samples, ROWS)


def test_a_set_past_the_memory_is_opened_from_the_map(tmp_path, monkeypatch):
    write_photos(tmp_path, 9)
    in_memory = open_dataset(tmp_path)
    monkeypatch.setattr(cache_files, "fits_in_memory", lambda size: False)
    mapped = open_dataset(tmp_path)
    assert isinstance(mapped.samples, np.memmap)
    assert mapped.fingerprint == in_memory.fingerprint
    np.testing.assert_array_equal(mapped.samples, in_memory.samples)


def test_a_directory_that_cannot_be_made_is_one_line_with_the_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write the cache at .*file/below: Not a directory.*--cache DIR"):
        store(tmp_path / "file" / "below")


def test_a_full_disk_leaves_nothing_behind(cache, monkeypatch):
    def full(stream):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_files, "sync_stream", full)
    with pytest.raises(InputError, match="No space left on device"):
        store(cache)
    assert list((cache / cache_files.LAYOUT).iterdir()) == []


def test_an_error_while_decoding_leaves_nothing_behind(cache):
    def blocks():
        yield ROWS
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache_files.store(cache, KEY, (3, 2, 2), blocks(), lambda: (None, {}))
    assert list((cache / cache_files.LAYOUT).iterdir()) == []


def test_a_disk_that_returns_something_else_is_reported(cache, monkeypatch):
    monkeypatch.setattr(cache_files, "load", lambda *_: None)
    with pytest.raises(InputError, match="does not return what was written"):
        store(cache)


def test_of_two_processes_the_first_entry_stays(cache):
    """The second one finishes after the first: what the first may have mapped is not taken away."""

    def blocks():
        store(cache)
        self_made.append(entry_of_key().stat().st_ino)
        yield ROWS

    def entry_of_key():
        return cache / cache_files.LAYOUT / KEY[:32]

    self_made = []
    entry = cache_files.store(cache, KEY, (3, 2, 2), blocks(), lambda: (LABELS, {}))
    assert entry_of_key().stat().st_ino == self_made[0]
    np.testing.assert_array_equal(entry.samples, ROWS)


def test_what_killed_processes_left_is_removed_after_a_day(cache):
    place = cache / cache_files.LAYOUT
    old, new = place / ".unfinished-old", place / ".unfinished-new"
    for path in (old, new):
        path.mkdir(parents=True)
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    store(cache)
    assert not old.exists()
    assert new.exists()


def test_which_directory_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("NABLAGAN_CACHE", str(tmp_path / "named"))
    assert cache_files.cache_directory(tmp_path / "given") == tmp_path / "given"
    assert cache_files.cache_directory(None) == tmp_path / "named"
    monkeypatch.delenv("NABLAGAN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_files.cache_directory(None) == tmp_path / "home" / ".cache" / "nablagan"


def test_the_record_is_plain_json_that_names_every_file(cache):
    store(cache)
    record = json.loads((entry_of(cache) / "entry.json").read_text())
    assert set(record["files"]) == {"samples.npy", "labels.npy"}
