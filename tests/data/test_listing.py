"""Which files of a folder or zip count, and what a zip may not hold."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data.making import encoded, photo
from nablagan.data import listing
from nablagan.data.decode import BadFile
from nablagan.types import InputError

DATA = encoded(photo())


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(DATA)


def make_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def names_in_zip(path):
    with listing.listed_zip(path) as files:
        return files.files


def test_a_folder_gives_its_images_sorted_and_counts_the_rest(tmp_path):
    fill(tmp_path, "b.PNG", "a.jpeg", "sub/c.webp", "notes.txt", "README", ".hidden.png", ".git/x.png")
    with listing.listed_folder(tmp_path) as files:
        assert files.files == ("a.jpeg", "b.PNG", "sub/c.webp")
        assert files.ignored == {".txt": 1, "without suffix": 1, "hidden": 1}
        assert files.name == tmp_path.name
        assert files.read("a.jpeg") == DATA


def test_links_are_followed_once_and_loops_end(tmp_path):
    fill(tmp_path, "real/a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "zebra").symlink_to(tmp_path / "real")
    with listing.listed_folder(tmp_path) as files:
        assert files.files == ("real/a.png",)


def test_what_is_no_regular_file_is_counted(tmp_path, monkeypatch):
    fill(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "broken.png").symlink_to("nowhere")
    with listing.listed_folder(tmp_path) as files:
        reasons = {}
        for name in files.files:
            try:
                files.read(name)
            except BadFile as bad:
                reasons[name] = bad.reason
        monkeypatch.setattr(listing, "LARGEST_FILE_BYTES", 10)
        with pytest.raises(BadFile, match="file too large"):
            files.read("a.png")
    regular = "not a regular file"
    assert reasons == {"pipe.png": regular, "device.png": regular, "broken.png": "unreadable"}


def test_a_folder_that_cannot_be_listed_is_no_silence(tmp_path, monkeypatch):
    fill(tmp_path, "a.png", "closed/b.png")
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(InputError, match="closed cannot be listed: Permission denied"), listing.listed_folder(tmp_path):
        pass


@pytest.mark.parametrize(
    ("names", "classes", "labels"),
    [
        (("a.png", "b.png"), (), []),
        (("cat/1.png", "cat/2.png", "dog/1.png"), ("cat", "dog"), [0, 0, 1]),
        (("all/cat/1.png", "all/dog/1.png"), ("cat", "dog"), [0, 1]),
        (("all/1.png", "all/2.png"), (), []),
        (("cat/deep/1.png", "cat/2.png", "dog/3.png"), ("cat", "dog"), [0, 0, 1]),
        (("car/1.png", "train/1.png"), ("car", "train"), [0, 1]),
        (("a\x1b/1.png", "b/1.png"), ("a\\x1b", "b"), [0, 1]),
    ],
)
def test_classes_are_the_first_folders(names, classes, labels):
    assert listing.labels_of("here", names) == (classes, labels)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("train/a.png", "test/a.png"), "the splits test, train; give the folder of one"),
        (("Train/a/1.png", "val/a/1.png", "other/1.png"), "the splits Train, val"),
        (("a.png", "cat/1.png", "dog/1.png"), "1 images beside the folders cat, dog"),
    ],
)
def test_arrangements_without_one_meaning_are_refused(names, words):
    with pytest.raises(InputError, match=words):
        listing.labels_of("here", names)


def test_a_zip_gives_its_images_and_counts_the_rest(tmp_path):
    path = make_zip(tmp_path / "set.zip", [("b.png", DATA), ("a.png", DATA), ("__MACOSX/a.png", b""), ("x.txt", b"")])
    with listing.listed_zip(path) as files:
        assert files.files == ("a.png", "b.png")
        assert files.ignored == {"hidden": 1, ".txt": 1}
        assert (files.name, files.read("b.png")) == ("set", DATA)


def test_a_zip_from_windows_has_folders_too(tmp_path):
    path = make_zip(tmp_path / "set.zip", [("cat\\a.png", DATA), ("dog\\a.png", DATA)])
    assert names_in_zip(path) == ("cat/a.png", "dog/a.png")


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/x.png", "C:/x.png", "..\\x.png", "\\x.png"])
def test_unsafe_names_are_refused(tmp_path, name):
    path = make_zip(tmp_path / "bad.zip", [("a.png", DATA), (name, DATA)])
    with pytest.raises(InputError, match="unsafe name"):
        names_in_zip(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.zip"]


@pytest.mark.parametrize(("kind", "word"), [(stat.S_IFLNK, "link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "pipe")])
def test_links_and_devices_are_refused(tmp_path, kind, word):
    info = zipfile.ZipInfo("a.png")
    info.external_attr = (kind | 0o777) << 16
    path = make_zip(tmp_path / "bad.zip", [(info, b"/etc/passwd")])
    with pytest.raises(InputError, match=word):
        names_in_zip(path)


def test_a_bomb_is_refused_before_it_unpacks(tmp_path):
    path = make_zip(tmp_path / "bomb.zip", [(f"{index}.png", bytes(8 << 20)) for index in range(4)])
    with pytest.raises(InputError, match="33,554,432 bytes, over 200 times its size: a zip bomb"):
        names_in_zip(path)


def test_one_member_that_grows_too_much_is_counted(tmp_path):
    noise = np.random.default_rng(0).bytes(1 << 20)
    path = make_zip(tmp_path / "set.zip", [("bomb.png", bytes(20 << 20)), ("large.png", noise)])
    with listing.listed_zip(path) as files:
        with pytest.raises(BadFile, match="zip bomb"):
            files.read("bomb.png")
        assert files.read("large.png") == noise


def test_a_member_larger_than_any_image_is_counted(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "set.zip", [("a.png", DATA)])
    monkeypatch.setattr(listing, "LARGEST_FILE_BYTES", 10)
    with listing.listed_zip(path) as files, pytest.raises(BadFile, match="file too large"):
        files.read("a.png")


def test_too_many_members_are_refused_from_the_end_of_the_file(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "many.zip", [(f"{index:05d}.png", b"") for index in range(2000)])
    monkeypatch.setattr(listing, "LARGEST_DIRECTORY_BYTES", 10_000)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the list of members was read"))
    with pytest.raises(InputError, match="too many members"):
        names_in_zip(path)


def test_the_length_of_the_list_is_read_from_a_large_zip_too(tmp_path):
    """Beyond 4 GiB the last record says 0xffffffff, "see the zip64 record"; layouts from PKWARE's APPNOTE 4.3.14-16."""
    length = listing.LARGEST_DIRECTORY_BYTES + 1
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 9, 9, length, 0)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / "many.zip"
    path.write_bytes(record + locator + end)
    with pytest.raises(InputError, match="too many members"):
        names_in_zip(path)


@pytest.mark.parametrize("data", [b"", b"PK", b"hello" * 100, b"PK\x05\x06" + bytes(30), b"\0" * 3000])
def test_what_is_no_zip_is_refused(tmp_path, data):
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"not a zip|not a readable zip|holds no images"):
        names_in_zip(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_zips_are_refused_or_counted(tmp_path, compression):
    members = [(f"{index}.png", encoded(photo(seed=index))) for index in range(3)]
    whole = make_zip(tmp_path / "whole.zip", members, compression).read_bytes()
    random = np.random.default_rng(1)
    path = tmp_path / "damaged.zip"
    damaged = 0
    for trial in range(150):
        data = bytearray(whole)
        for place in random.integers(0, len(data) if trial % 2 else 2000, 3):
            data[place] ^= int(random.integers(1, 256))
        path.write_bytes(bytes(data[: len(data) * 9 // 10]) if trial % 10 == 0 else data)
        try:
            with listing.listed_zip(path) as files:
                for name in files.files:
                    assert files.read(name) == dict(members)[name]
        except (InputError, BadFile):
            damaged += 1
    assert damaged > 50


def test_an_encrypted_member_is_counted(tmp_path):
    path = make_zip(tmp_path / "set.zip", [("a.png", DATA)])
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with listing.listed_zip(path) as files, pytest.raises(BadFile, match="encrypted"):
        files.read("a.png")


@pytest.mark.parametrize(("name", "shown"), [("a b é.png", "a b é.png"), ("a\x1b[2J.png", "a\\x1b[2J.png")])
def test_names_are_safe_to_print(name, shown):
    assert listing.printable(name) == shown


def test_undecodable_names_are_listed_and_printed(tmp_path):
    raw = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(raw)).write_bytes(DATA)
    with listing.listed_folder(tmp_path) as files:
        assert files.read(files.files[0]) == DATA
        assert listing.printable(files.files[0]) == "\\udcff.png"
