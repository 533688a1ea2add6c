"""Glyphs in two typefaces. Oracles: FreeType through matplotlib, Unicode's own tables, the fonts' outlines."""

import unicodedata

import numpy as np
import pytest
from matplotlib.ft2font import FT2Font, LoadFlags

from nablagan.data import open_dataset
from nablagan.data.glyphs import HIGHEST, LOWEST, _outline, font_paths, glyphs


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    cache = tmp_path_factory.mktemp("glyphs")
    return {name: open_dataset(f"builtin:{name}", cache=cache) for name in ("glyphs", "glyphs-heldout")}


def test_pairs_of_both_sides_of_the_split(both):
    for dataset, held_out in zip(both.values(), (False, True), strict=True):
        assert dataset.samples.shape == dataset.sources.shape == (len(glyphs(held_out)), 1, 32, 32)
        assert dataset.is_paired
        assert dataset.description["source_shape"] == [1, 32, 32]
    assert len(both["glyphs"]) > 1500
    assert 0.07 < len(both["glyphs-heldout"]) / len(both["glyphs"]) < 0.13


def test_every_glyph_has_ink_in_both_fonts_and_differs_between_them(both):
    for dataset in both.values():
        for images in (dataset.sources, dataset.samples):
            assert (images.reshape(len(images), -1).max(axis=1) > 60).all()
        assert (dataset.sources != dataset.samples).any(axis=(1, 2, 3)).all()


def test_no_glyph_is_on_both_sides(both):
    assert not {glyph.code_point for glyph in glyphs(True)} & {glyph.code_point for glyph in glyphs(False)}
    training, held_out = both.values()
    for side in ("sources", "samples"):
        seen = {image.tobytes() for image in getattr(training, side)}
        assert not seen & {image.tobytes() for image in getattr(held_out, side)}
    assert len({image.tobytes() for image in training.sources}) == len(training)


def test_code_points_are_letters_numbers_and_signs():
    points = [glyph.code_point for held_out in (False, True) for glyph in glyphs(held_out)]
    assert {unicodedata.category(chr(point))[0] for point in points} == {"L", "N", "P", "S"}
    assert set(map(ord, "abcxyzABCXYZ0189ßéŁΩЖ?")) <= set(points)
    # Greek Alpha and Cyrillic A look like Latin A; blanks and lines of boxes; a combining accent; private use
    assert not set(map(ord, "\u0391\u0410 \u00a0\u2500\u0301\ue000")) & set(points)


def test_an_outline_is_the_same_wherever_it_begins():
    square, dot = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (5, 3), (4, 5)]
    shapes = {
        _outline(points, ends, [1] * 7).shape
        for points, ends in (
            (square + dot, [3, 6]),
            (square[2:] + square[:2] + dot, [3, 6]),
            (dot + square, [2, 6]),
            ([(x + 40, y) for x, y in square + dot], [3, 6]),
        )
    }
    assert len(shapes) == 1
    assert _outline(square + dot[::-1], [3, 6], [1] * 7).shape not in shapes
    assert _outline([(x, y + 1) for x, y in square + dot], [3, 6], [1] * 7).shape not in shapes


@pytest.mark.parametrize(("letter", "side"), [("g", 32), ("Ä", 48), ("w", 64)])
def test_scale_and_place_are_those_of_the_outline(letter, side):
    """The ink's box against FreeType's unscaled outline of the same letter, within one pixel of rounding."""
    chosen = [glyph.code_point for glyph in glyphs(False)]
    dataset = open_dataset("builtin:glyphs", resolution=side)
    assert dataset.shape == (1, side, side)
    for images, path in zip((dataset.sources, dataset.samples), font_paths(), strict=True):
        font = FT2Font(str(path))
        font.set_size(2048, 72)  # one unit of the font is one pixel
        outline = font.load_char(ord(letter), flags=LoadFlags.NO_HINTING)
        left, bottom, right, top = (value / 64 for value in outline.bbox)
        rows, columns = (np.flatnonzero(images[chosen.index(ord(letter)), 0].max(axis=axis)) for axis in (1, 0))
        unit = side / (HIGHEST - LOWEST)
        assert rows[0] == pytest.approx((HIGHEST - top) * unit, abs=1.1)
        assert rows[-1] + 1 == pytest.approx((HIGHEST - bottom) * unit, abs=1.1)
        assert columns[-1] + 1 - columns[0] == pytest.approx((right - left) * unit, abs=2)
        assert (columns[0] + columns[-1] + 1) / 2 == pytest.approx(side / 2, abs=1)


def test_an_oblong_picture_keeps_the_whole_glyph():
    dataset = open_dataset("builtin:glyphs-heldout", resolution=(32, 48))
    square = open_dataset("builtin:glyphs-heldout", resolution=32)
    assert dataset.shape == (1, 32, 48)
    np.testing.assert_array_equal(dataset.sources[..., 8:40], square.sources)


def test_the_split_never_changes():
    points = [glyph.code_point for glyph in glyphs(False)]
    assert (len(points), sum(points)) == (1694, 15080744)
    points = [glyph.code_point for glyph in glyphs(True)]
    assert (len(points), "".join(map(chr, points[:12])), sum(points)) == (175, ":amp«¾ÇÈÍÜäæ", 1358857)
