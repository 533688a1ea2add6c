"""Edge maps. Oracles: figures whose edges are known, scikit-image's Canny."""

import numpy as np
import pytest

from data.making import photo, write_photos
from nablagan.data import Dataset, open_dataset
from nablagan.data.edges import edge_maps, edge_pairs
from nablagan.types import InputError


def grey(*pictures):
    return np.stack([np.asarray(picture, np.uint8)[None] for picture in pictures])


def disc(side=48, radius=14, light=200):
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    return light * (np.hypot(rows, columns) <= radius)


def test_the_edge_of_a_disc_is_a_thin_closed_circle():
    (edges,) = edge_maps(grey(disc()))[:, 0]
    rows, columns = np.nonzero(edges)
    distance = np.hypot(rows - 23.5, columns - 23.5)
    assert set(np.unique(edges)) == {0, 255}
    assert np.abs(distance - 14).max() < 1.5
    assert 2 * np.pi * 14 * 0.8 < len(rows) < 2 * np.pi * 14 * 1.3
    angles = np.sort(np.arctan2(rows - 23.5, columns - 23.5))
    assert np.diff(angles).max() < 2.5 / 14


def test_brightness_and_contrast_make_no_difference():
    picture = photo(32, 32, channels=1).astype(int)
    pale = picture // 4 * 2
    np.testing.assert_array_equal(edge_maps(grey(pale)), edge_maps(grey(pale + 60)))
    np.testing.assert_array_equal(edge_maps(grey(pale)), edge_maps(grey(255 - pale)))


def test_images_of_one_block_do_not_touch():
    pictures = [disc(light=255), disc() * 0 + 7, disc(radius=20), 255 - disc(radius=5)]
    together = edge_maps(grey(*pictures))
    for index, picture in enumerate(pictures):
        np.testing.assert_array_equal(together[index], edge_maps(grey(picture))[0])
    assert not together[1].any()
    faint = np.zeros((20, 20))
    faint[:, 10:] = 1  # a weak edge, below every strong one
    assert edge_maps(grey(90 * faint, faint, 90 * faint)).any(axis=(1, 2, 3)).tolist() == [True, False, True]


def test_a_straight_edge_is_one_pixel_wide():
    half = np.zeros((20, 20))
    half[:, 10:] = 90
    for picture in (half, half.T, 90 - half):
        edges = edge_maps(grey(picture))[0, 0] > 0
        assert edges.sum() == 20
        assert max(edges.sum(axis=0).max(), edges.sum(axis=1).max()) == 20


def test_a_weak_edge_counts_where_it_goes_on_from_a_strong_one():
    picture = np.zeros((40, 40))
    picture[20:] = np.linspace(240, 50, 40)  # one line, strong on the left
    picture[2:8, 30:36] = 50  # as weak as on the right, and alone
    edges = edge_maps(grey(picture))[0, 0]
    assert edges[18:22, 2:38].any(axis=0).all()
    assert not edges[:10].any()


def test_the_rest_agrees_with_scikit_image_s():
    canny = pytest.importorskip("skimage.feature").canny
    picture = photo(48, 48, channels=1, seed=3)
    ours = edge_maps(grey(picture))[0, 0] > 0
    theirs = canny(picture / 255, sigma=0.7, low_threshold=0.02, high_threshold=0.05)
    near = np.zeros_like(theirs)
    for rows, columns in np.ndindex(3, 3):
        near |= np.roll(theirs, (rows - 1, columns - 1), (0, 1))
    assert ours.sum() > 40
    assert (ours & near).sum() > 0.9 * ours.sum()


def test_builtin_edges_are_the_digits_with_their_labels():
    edges, digits = open_dataset("builtin:edges-heldout"), open_dataset("builtin:digits-heldout")
    np.testing.assert_array_equal(edges.samples, digits.samples)
    np.testing.assert_array_equal(edges.labels, digits.labels)
    assert edges.fingerprint != digits.fingerprint
    assert edges.sources.shape == edges.samples.shape
    np.testing.assert_array_equal(edges.sources[:9], edge_maps(digits.samples[:9]))
    drawn = (edges.sources > 0).mean()
    assert 0.05 < drawn < 0.25


def test_edges_of_any_data_set(tmp_path):
    write_photos(tmp_path / "photos", 9, side=16)
    said = []
    dataset = open_dataset(f"edges:{tmp_path / 'photos'}", progress=lambda *words: said.append(words))
    assert (dataset.shape, dataset.sources.shape) == ((3, 16, 16), (9, 1, 16, 16))
    assert said[-1] == (9, 9, "edges")
    again = open_dataset(f"edges:{tmp_path / 'photos'}")
    assert again.fingerprint == dataset.fingerprint
    np.testing.assert_array_equal(again.sources, edge_maps(dataset.samples))


def test_points_have_no_edges(cache):
    points = Dataset("points", np.zeros((9, 2), np.float32), None, (), "", {})
    with pytest.raises(InputError, match="points, which have no edges"):
        edge_pairs(points, cache)
