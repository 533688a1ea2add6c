"""Folders and zips of images to data sets, with bad files counted."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from data.making import channels_first, encoded, photo, write_photos
from nablagan.data import open_dataset
from nablagan.data.fitting import PIXELS_VERSION
from nablagan.types import InputError


def zip_of(folder, path, prefix=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, prefix + str(file.relative_to(folder)))
    return path


def class_folders(folder):
    return {name: write_photos(folder / name, 5, first_seed=seed) for name, seed in (("dog", 5), ("cat", 0))}


def test_a_flat_folder(tmp_path):
    pictures = write_photos(tmp_path / "photos", 10)
    dataset = open_dataset(tmp_path / "photos")
    assert dataset.name == "photos"
    assert dataset.labels is None
    assert dataset.classes == ()
    np.testing.assert_array_equal(dataset.samples, [channels_first(picture) for picture in pictures])
    description = dataset.description
    assert json.loads(json.dumps(description)) == description
    assert (description["count"], description["sizes"], description["bad"]) == (10, {"16x16": 10}, {})
    assert description["shape"] == [3, 16, 16]
    assert description["fingerprint"] == dataset.fingerprint


def test_folders_are_classes_in_the_order_of_their_names(tmp_path):
    pictures = class_folders(tmp_path / "pets")
    dataset = open_dataset(tmp_path / "pets")
    assert dataset.classes == ("cat", "dog")
    assert dataset.labels.dtype == np.int64
    assert dataset.labels.tolist() == [0] * 5 + [1] * 5
    expected = [channels_first(picture) for name in ("cat", "dog") for picture in pictures[name]]
    np.testing.assert_array_equal(dataset.samples, expected)
    assert dataset.description["class_counts"] == {"cat": 5, "dog": 5}


@pytest.mark.parametrize("arrange", [class_folders, lambda folder: write_photos(folder, 9)])
@pytest.mark.parametrize("prefix", ["", "outer/", "outer/inner/"])
def test_a_zip_is_the_folder_that_it_was_made_of(tmp_path, arrange, prefix):
    arrange(tmp_path / "set")
    folder = open_dataset(tmp_path / "set")
    zipped = open_dataset(zip_of(tmp_path / "set", tmp_path / "set.zip", prefix))
    assert zipped.fingerprint == folder.fingerprint
    assert zipped.classes == folder.classes
    np.testing.assert_array_equal(zipped.samples, folder.samples)
    np.testing.assert_array_equal(zipped.labels, folder.labels)


def test_the_fingerprint_follows_names_bytes_and_policy_but_not_the_place(tmp_path):
    write_photos(tmp_path / "a", 9)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = open_dataset(tmp_path / "a").fingerprint
    assert open_dataset(tmp_path / "b").fingerprint == first
    assert open_dataset(tmp_path / "b", resolution=8).fingerprint != first
    assert open_dataset(tmp_path / "b", channels=1).fingerprint != first
    (tmp_path / "b" / "000.png").rename(tmp_path / "b" / "zzz.png")
    assert open_dataset(tmp_path / "b").fingerprint != first
    (tmp_path / "a" / "000.png").write_bytes(encoded(photo(16, 16, seed=99)))
    assert open_dataset(tmp_path / "a").fingerprint != first


def test_mixed_sizes_modes_and_formats_become_one_shape(tmp_path):
    for index, (format, suffix) in enumerate([("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("BMP", "bmp")] * 3):
        picture = photo(20 + 5 * index, 70, channels=3 if index % 2 else 1, seed=index)
        (tmp_path / f"{index}.{suffix}").write_bytes(encoded(picture, format))
    (tmp_path / "deep.tif").write_bytes(encoded(photo(40, 40, 1).astype(np.uint16) * 257, "TIFF"))
    dataset = open_dataset(tmp_path)
    assert dataset.samples.shape == (13, 3, 32, 32)
    assert dataset.description["converted"]["16 bits to 8"] == 1
    assert sum(dataset.description["sizes"].values()) == 13
    assert dataset.description["sizes"]["other sizes"] == 5
    assert "median short side 45" in dataset.description["policy"]["reason"]


def test_grey_files_make_a_grey_set(tmp_path):
    for index in range(8):
        (tmp_path / f"{index}.png").write_bytes(encoded(photo(16, 16, 1, seed=index)))
    assert open_dataset(tmp_path).shape == (1, 16, 16)
    assert open_dataset(tmp_path, channels=3).shape == (3, 16, 16)
    assert open_dataset(tmp_path, resolution=(8, 16), fit="pad").shape == (1, 8, 16)


def spoil(folder):
    """Three bad files, and two odd ones that are good."""
    (folder / "cut.png").write_bytes(encoded(photo(16, 16))[:200])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_bytes(b"not a picture at all")
    (folder / "wrong.jpg").write_bytes(encoded(photo(16, 16), "PNG"))
    (folder / "still.gif").write_bytes(encoded(photo(16, 16, 1), "GIF"))


def test_bad_files_are_counted_by_reason_and_skipped_within_the_limit(tmp_path):
    write_photos(tmp_path, 12)
    spoil(tmp_path)
    dataset = open_dataset(tmp_path, limit_bad=0.2)
    assert len(dataset) == 14
    expected = {"empty file": ["empty.jpg"], "not an image": ["text.png"], "truncated": ["cut.png"]}
    assert dataset.description["bad"] == expected
    assert dataset.description["bad_count"] == 3


def test_labels_stay_with_their_samples_when_bad_files_are_skipped(tmp_path):
    pictures = class_folders(tmp_path)
    (tmp_path / "cat" / "002.png").write_bytes(b"bad")
    dataset = open_dataset(tmp_path, limit_bad=0.5)
    assert dataset.labels.tolist() == [0] * 4 + [1] * 5
    np.testing.assert_array_equal(dataset.samples[4], channels_first(pictures["dog"][0]))
    assert dataset.description["class_counts"] == {"cat": 4, "dog": 5}


def test_more_bad_files_than_the_limit_are_an_error_with_the_remedy(tmp_path):
    write_photos(tmp_path, 12)
    spoil(tmp_path)
    for _ in range(2):  # decoded, then from the cache
        with pytest.raises(InputError) as caught:
            open_dataset(tmp_path)
        line = str(caught.value)
        assert "\n" not in line
        assert "3 of 17 files" in line
        assert "1 truncated (cut.png)" in line
        assert "17.6% is over the limit of 1.0%" in line
    allowed = float(line.rsplit("--limit-bad ", 1)[1])
    assert len(open_dataset(tmp_path, limit_bad=allowed)) == 14


def test_only_bad_files_are_an_error(tmp_path):
    for index in range(9):
        (tmp_path / f"{index}.png").write_bytes(b"bad")
    with pytest.raises(InputError, match=r"9 of 9 files.*9 not an image .*none is left"):
        open_dataset(tmp_path, limit_bad=1)


def test_too_few_samples_are_an_error(tmp_path):
    write_photos(tmp_path, 7)
    with pytest.raises(InputError, match="holds 7 usable samples; at least 8"):
        open_dataset(tmp_path)


def test_progress_is_told_of_every_stage_and_the_cache_spares_decoding(tmp_path):
    write_photos(tmp_path, 10)
    calls = []
    first = open_dataset(tmp_path, progress=lambda *call: calls.append(call))
    assert calls == [(10, 10, "reading"), (10, 10, "headers"), (10, 10, "decoding")]
    calls.clear()
    second = open_dataset(tmp_path, progress=lambda *call: calls.append(call))
    assert calls == [(10, 10, "reading")]
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.description == second.description


def test_another_decoder_decodes_anew(tmp_path, monkeypatch):
    write_photos(tmp_path, 10)
    open_dataset(tmp_path)
    calls = []
    monkeypatch.setattr("nablagan.data.images.PIXELS_VERSION", PIXELS_VERSION + "x")
    open_dataset(tmp_path, progress=lambda *call: calls.append(call[2]))
    assert "decoding" in calls


def test_more_files_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr("nablagan.data.images.BLOCK_ITEMS", 4)
    pictures = write_photos(tmp_path, 11)
    samples = open_dataset(tmp_path).samples
    np.testing.assert_array_equal(samples, [channels_first(picture) for picture in pictures])


def test_odd_but_good_files_give_no_warning_to_the_caller(tmp_path):
    write_photos(tmp_path, 8)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(photo(16, 16), "TIFF", exif=exif))
    (tmp_path / "odd.tif").write_bytes(data)
    palette = Image.fromarray(photo(16, 16, 1) // 32, "L")
    palette.putpalette(bytes(24))
    palette.info["transparency"] = bytes(8)
    (tmp_path / "palette.png").write_bytes(encoded(palette, transparency=bytes(8)))
    assert len(open_dataset(tmp_path)) == 10
