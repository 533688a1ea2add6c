"""Files are whole or absent, whatever fails on the way."""

import errno
import os

import pytest

from nablagan.data import files


def test_a_file_is_written_and_replaced_with_ordinary_permissions(tmp_path):
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"one")
    files.write_bytes(path, b"two")
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode == ordinary.stat().st_mode
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.bin", "ordinary"]


def failing(code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_when_a_step_fails_the_old_file_stays_and_nothing_else(tmp_path, monkeypatch, code, place):
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")
    target = files.os if place == "fsync" else files.Path
    monkeypatch.setattr(target, place, failing(code))
    with pytest.raises(OSError) as caught:
        files.write_bytes(path, b"new")
    assert caught.value.errno == code
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_reaches_the_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, files.Path.replace
    monkeypatch.setattr(files.os, "fsync", lambda handle: (order.append("sync"), fsync(handle)))
    monkeypatch.setattr(files.Path, "replace", lambda *paths: (order.append("rename"), replace(*paths)))
    files.write_bytes(tmp_path / "a.bin", b"content")
    assert order == ["sync", "rename", "sync"]


def test_two_processes_write_aside_under_different_names(tmp_path, monkeypatch):
    names = []
    replace = files.Path.replace
    monkeypatch.setattr(files.Path, "replace", lambda *paths: (names.append(paths[0].name), replace(*paths)))
    for pid in (11, 12):
        monkeypatch.setattr(files.os, "getpid", lambda pid=pid: pid)
        files.write_bytes(tmp_path / "a.bin", b"content")
    assert len(set(names)) == 2
