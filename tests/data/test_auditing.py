"""The audit against numbers computed the long way, and the contact sheet against the samples."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data.making import channels_first, photo
from nablagan.data import Dataset, audit, contact_sheet, open_dataset
from nablagan.data import auditing as auditing_module

IMAGES = np.stack([channels_first(photo(48, 48, seed=seed)) for seed in range(20)])


def described(samples, labels=None, classes=(), **more):
    counts = (
        {} if labels is None else dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
    )
    about = {"count": len(samples), "bad_count": 0, "converted": {}, "class_counts": counts} | more
    return Dataset("set", samples, labels, classes, "f", about)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Several pieces, so that their borders are crossed."""
    monkeypatch.setattr(auditing_module, "blocks", lambda array: [(s, s + 3) for s in range(0, len(array) - 2, 3)])


def test_mean_and_deviation_are_in_the_players_units():
    report = audit(described(IMAGES[:18]))
    scaled = IMAGES[:18] / 127.5 - 1
    np.testing.assert_allclose(report["mean"], scaled.mean(axis=(0, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(report["standard_deviation"], scaled.std(axis=(0, 2, 3)), atol=1e-6)
    assert json.loads(json.dumps(report)) == report


def test_points_have_moments_but_no_shades():
    points = np.random.default_rng(0).normal(3, 2, (999, 2)).astype(np.float32)
    report = audit(described(points))
    np.testing.assert_allclose(report["mean"], points.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(report["standard_deviation"], points.std(axis=0), atol=1e-4)
    assert "near_constant" not in report


def test_copies_are_found_with_their_labels():
    images = IMAGES[:18].copy()
    images[7] = images[2]
    images[15] = images[2]
    labels = np.zeros(18, np.int64)
    labels[15] = 1
    report = audit(described(images, labels, ("a", "b")))
    assert report["duplicates"] == {"count": 2, "with_another_label": 1, "examples": [[2, 7], [2, 15]]}
    assert "2 exact copies of other samples" in report["warnings"]
    assert "1 copies carry another label" in report["warnings"]


def test_images_of_one_shade_are_found():
    images = IMAGES[:18].copy()
    images[4] = 77
    images[5] = 77
    images[5, 0, 0, 0] = 79
    report = audit(described(images))
    assert report["near_constant"] == {"count": 2, "examples": [4, 5]}
    assert "2 images are of nearly one shade" in report["warnings"]


def test_every_other_warning():
    labels = np.array([0] * 17 + [1])
    report = audit(described(IMAGES[:18], labels, ("many", "one"), bad_count=3, converted={"enlarged": 4}))
    assert report["warnings"] == [
        "only 18 samples: expect the discriminator to learn them by heart",
        "3 files could not be used",
        "4 images were smaller than the resolution and were enlarged",
        "classes differ more than tenfold in size; the smallest is one: 1",
    ]


def test_a_good_set_has_no_warnings():
    points = np.random.default_rng(0).normal(size=(1200, 2)).astype(np.float32)
    assert audit(described(points))["warnings"] == []


def test_the_contact_sheet_spreads_over_the_set():
    sheet = np.asarray(contact_sheet(described(IMAGES), columns=3, rows=2))
    assert sheet.shape == (2 * 50 + 2, 3 * 50 + 2, 3)
    chosen = [0, 4, 8, 11, 15, 19]
    for place, index in enumerate(chosen):
        top, left = 2 + place // 3 * 50, 2 + place % 3 * 50
        np.testing.assert_array_equal(sheet[top : top + 48, left : left + 48], IMAGES[index].transpose(1, 2, 0))


def test_the_contact_sheet_has_a_row_for_each_class():
    labels = np.array([0, 1] * 9 + [1, 1])
    sheet = np.asarray(contact_sheet(described(IMAGES, labels, ("a", "b")), columns=10))
    margin = sheet.shape[1] - (10 * 50 + 2)
    assert sheet.shape[0] == 2 * 50 + 2
    np.testing.assert_array_equal(sheet[52:100, margin + 2 : margin + 50], IMAGES[1].transpose(1, 2, 0))
    assert (sheet[2:50, margin + 2 + 9 * 50 :] == 255).all()  # class a has nine samples only


def test_the_contact_sheet_of_large_images_and_of_points():
    large = np.zeros((8, 1, 512, 256), np.uint8)
    assert contact_sheet(described(large), columns=4, rows=2).size == (4 * 66 + 2, 2 * 130 + 2)
    assert contact_sheet(open_dataset("builtin:ring")).size == (480, 480)


def test_the_contact_sheet_shows_sources_left_and_masks_right_of_their_samples():
    random = np.random.default_rng(0)
    samples, sources = (random.integers(0, 256, (6, channels, 24, 24), np.uint8) for channels in (3, 1))
    masks = (random.random((6, 1, 24, 24)) < 0.5) * np.uint8(255)
    dataset = replace(Dataset("pairs", samples, None, (), "", {}), sources=sources, masks=masks)
    sheet = np.asarray(contact_sheet(dataset, columns=1))
    for row in range(6):
        cells = sheet[2 + row * 26 :][:24, 2 : 2 + 3 * 24].transpose(2, 0, 1)
        np.testing.assert_array_equal(cells[:, :, :24], sources[row].repeat(3, axis=0))
        np.testing.assert_array_equal(cells[:, :, 24:48], samples[row])
        np.testing.assert_array_equal(cells[:, :, 48:], np.where(masks[row] > 0, 128, samples[row]))


def test_the_contact_sheet_of_two_domains_has_rows_of_each():
    sources, samples = np.full((30, 1, 24, 24), 200, np.uint8), np.full((5, 3, 48, 48), 90, np.uint8)
    dataset = replace(Dataset("domains", samples, None, (), "", {}), sources=sources, is_paired=False)
    sheet = np.asarray(contact_sheet(dataset, columns=4, rows=4))
    assert sheet.shape[0] == 4 * 50 + 2  # two rows of sources, then two of samples with empty places at the end
    left = sheet.shape[1] - (4 * 50 + 2)
    middles = sheet[26::50, left + 26 :: 50, 0]
    assert middles.tolist() == [[200] * 4, [200] * 4, [90] * 4, [90, 255, 255, 255]]
