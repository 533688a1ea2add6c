"""Wrong input as a new user gives it: one clear line each time."""

import os

import numpy as np
import pytest

from data.making import encoded, photo, write_photos
from nablagan.data import open_dataset
from nablagan.types import InputError


def a_wrong_path(folder):
    write_photos(folder / "photos", 8)
    return folder / "fotos", "does not exist; did you mean .*photos"


def a_path_with_nothing_near(folder):
    return folder / "nowhere" / "deep", "does not exist; check the path"


def a_forgotten_prefix(folder):
    return "digits", "digits is not a path; did you mean builtin:digits"


def an_address(folder):
    return "https://example.org/photos.zip", "does not exist; check the path"


def nothing(folder):
    return "", "name is empty"


def a_name_that_is_too_long(folder):
    return "x" * 5000, "cannot be read: .*too long"


def a_user_that_is_not_there(folder):
    return "~nobody-of-this-name/photos", "cannot be read"


def an_empty_folder(folder):
    return folder, "holds no images .* but nothing at all; give another path"


def a_folder_of_texts(folder):
    for index in range(3):
        (folder / f"{index}.txt").write_text("hello")
    return folder, r"holds no images .* but 3 \.txt; give another path"


def a_folder_of_one_image(folder):
    write_photos(folder, 1)
    return folder, "holds 1 usable sample; at least 8 are needed"


def a_single_image(folder):
    write_photos(folder, 1)
    return folder / "000.png", "is a single image; give the folder that holds the images"


def a_folder_of_splits(folder):
    for split in ("train", "test"):
        write_photos(folder / split / "cat", 8)
        write_photos(folder / split / "dog", 8)
    return folder, "holds the splits test, train; give the folder of one of them"


def images_beside_classes(folder):
    write_photos(folder, 8)
    write_photos(folder / "cat", 8)
    return folder, "8 images beside the folders cat"


def a_text_file(folder):
    (folder / "notes.txt").write_text("hello")
    return folder / "notes.txt", "no data set that can be read: give a folder or .zip of images"


def a_tar_file(folder):
    (folder / "photos.tar.gz").write_bytes(b"\x1f\x8b")
    return folder / "photos.tar.gz", "no data set that can be read"


def a_zip_that_is_none(folder):
    (folder / "photos.zip").write_bytes(b"<html>404</html>")
    return folder / "photos.zip", "is not a zip, or its end is missing; copy it again"


def a_pipe(folder):
    os.mkfifo(folder / "pipe.npy")
    return folder / "pipe.npy", "not a file or folder"


def a_broken_link(folder):
    (folder / "link").symlink_to(folder / "gone")
    return folder / "link", "does not exist"


CASES = [
    a_wrong_path,
    a_path_with_nothing_near,
    a_forgotten_prefix,
    an_address,
    nothing,
    a_name_that_is_too_long,
    a_user_that_is_not_there,
    an_empty_folder,
    a_folder_of_texts,
    a_folder_of_one_image,
    a_single_image,
    a_folder_of_splits,
    images_beside_classes,
    a_text_file,
    a_tar_file,
    a_zip_that_is_none,
    a_pipe,
    a_broken_link,
]


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_one_line_with_the_remedy(tmp_path, case):
    spec, words = case(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        open_dataset(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", [-0.1, 1.5, float("nan")])
def test_a_limit_beyond_its_range_is_refused(tmp_path, limit):
    with pytest.raises(InputError, match="must be a part in"):
        open_dataset(tmp_path, limit_bad=limit)


def test_requests_are_checked_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="30x30"):
        open_dataset(tmp_path / "nowhere", resolution=30)


def test_every_kind_of_source_opens(tmp_path, monkeypatch):
    pictures = np.stack(write_photos(tmp_path / "photos", 8))
    with (tmp_path / "set.NPY").open("wb") as stream:
        np.save(stream, pictures)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spec in (tmp_path / "photos", str(tmp_path / "photos"), "~/photos", f"{tmp_path}/set.NPY"):
        np.testing.assert_array_equal(open_dataset(spec).samples, pictures.transpose(0, 3, 1, 2))


def test_a_folder_called_like_a_zip_is_a_folder(tmp_path):
    write_photos(tmp_path / "photos.zip", 8)
    assert len(open_dataset(tmp_path / "photos.zip")) == 8


def test_a_file_without_permission_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "a.npy").write_bytes(encoded(photo()))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be read: no permission"):
        open_dataset(tmp_path / "a.npy")
