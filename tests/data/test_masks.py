"""Masks. Oracles: counted pixels, areas of rectangles and of round-ended lines in closed form."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

from data.making import encoded
from nablagan.data import masks
from nablagan.types import InputError

KINDS = [masks.box, masks.thin, masks.medium, masks.thick, masks.outpainting, masks.random_mask]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
@pytest.mark.parametrize("size", [(1, 2), (2, 1), (1, 9), (3, 3), (8, 8), (37, 53), (64, 16)])
def test_something_is_known_and_something_missing_at_any_size(kind, size):
    drawn = masks.masks(60, *size, kind)
    assert drawn.shape == (60, 1, *size)
    assert drawn.dtype == bool
    assert drawn.any(axis=(1, 2, 3)).all()
    assert not drawn.all(axis=(1, 2, 3)).any()


@every_kind
def test_a_single_pixel_is_missing(kind):
    assert masks.masks(20, 1, 1, kind).all()


@every_kind
def test_a_mask_depends_on_seed_position_and_index_alone(kind):
    draw = partial(masks.masks, height=24, width=32, kind=kind)
    whole = draw(8, seed=3, position=640)
    np.testing.assert_array_equal(
        whole, np.concatenate([draw(5, seed=3, position=640), draw(3, seed=3, position=640, first=5)])
    )
    others = [draw(8, seed=4, position=640), draw(8, seed=3, position=648), draw(8, seed=3, position=640, first=8)]
    assert all((whole != other).any() for other in others)
    assert len({mask.tobytes() for mask in whole}) == 8


@every_kind
def test_every_pixel_is_missing_sometimes_and_known_sometimes(kind):
    share = masks.masks(600, 16, 16, kind).mean(axis=0)
    assert 0 < share.min() <= share.max() < 0.9


@pytest.mark.parametrize("side", [64, 256])
@pytest.mark.parametrize(
    ("kind", "share"),
    [(masks.box, 0.18), (masks.thin, 0.07), (masks.medium, 0.18), (masks.thick, 0.36), (masks.outpainting, 0.44)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_how_much_is_missing_is_what_the_docstrings_say(kind, share, side):
    drawn = masks.masks(400, side, side, kind).mean(axis=(1, 2, 3))
    assert drawn.mean() == pytest.approx(share, abs=0.008 + 3 * drawn.std() / 20)
    assert f"{share:.0%}".replace("%", " %") in kind.__doc__


def test_thin_medium_and_thick_are_in_order_at_any_size():
    for size in ((32, 32), (48, 96), (200, 100)):
        thin, medium, thick = (masks.masks(300, *size, kind).mean() for kind in (masks.thin, masks.medium, masks.thick))
        assert 2 * thin < medium < thick / 1.5


def test_a_box_is_one_rectangle_of_the_stated_sides():
    for mask in masks.masks(200, 40, 20, masks.box)[:, 0]:
        rows, columns = mask.any(axis=1).sum(), mask.any(axis=0).sum()
        assert mask.sum() == rows * columns
        assert 10 <= rows <= 24
        assert 5 <= columns <= 12


def test_a_stroke_has_its_width_and_round_ends():
    """One straight piece of length l and width w covers l w + pi w^2 / 4."""
    settings = masks.Strokes(lines=(1, 1), bends=(0, 0), length=(0.3, 0.3), width=(0.1, 0.1))
    areas = []
    for seed in range(300):
        mask = masks.strokes(np.random.default_rng(seed), 200, 200, settings)
        rows, columns = np.nonzero(mask)
        if min(rows.min(), columns.min()) > 0 and max(rows.max(), columns.max()) < 199:  # cut off by no side
            areas.append(mask.sum())
    assert len(areas) > 100
    assert np.mean(areas) == pytest.approx(60 * 20 + np.pi * 100, rel=0.04)
    assert np.std(areas) / np.mean(areas) < 0.04


def test_outpainting_takes_whole_sides_and_leaves_half_of_each_direction():
    for mask in masks.masks(200, 40, 60, masks.outpainting)[:, 0]:
        known = ~mask
        rows, columns = known.any(axis=1), known.any(axis=0)
        assert known.sum() == rows.sum() * columns.sum()
        assert rows.sum() >= 20
        assert columns.sum() >= 30
        sides = [mask[0].all(), mask[-1].all(), mask[:, 0].all(), mask[:, -1].all()]
        assert 1 <= sum(sides) <= 3


def test_a_mask_from_a_file_is_missing_where_it_is_light(tmp_path):
    values = np.arange(256, dtype=np.uint8).reshape(8, 32)
    (tmp_path / "grey.png").write_bytes(encoded(values))
    (tmp_path / "colour.png").write_bytes(encoded(values[..., None].repeat(3, axis=2)))
    (tmp_path / "bits.png").write_bytes(encoded(Image.fromarray(values > 127)))
    (tmp_path / "deep.png").write_bytes(encoded(values.astype(np.uint16) * 257))
    for name in ("grey", "colour", "bits", "deep"):
        np.testing.assert_array_equal(masks.read_mask(tmp_path / f"{name}.png", 8, 32), values > 127)
    (tmp_path / "none.png").write_bytes(encoded(values * 0))
    assert not masks.read_mask(tmp_path / "none.png", 8, 32).any()


def test_masks_that_cannot_be_used(tmp_path):
    (tmp_path / "wide.png").write_bytes(encoded(np.zeros((8, 32), np.uint8)))
    (tmp_path / "text.png").write_text("white")
    with pytest.raises(
        InputError, match=r"wide.png has 8x32 pixels \(height x width\), the image 32x8; give a mask of"
    ):
        masks.read_mask(tmp_path / "wide.png", 32, 8)
    with pytest.raises(InputError, match=r"text.png is no usable mask \(not an image\)"):
        masks.read_mask(tmp_path / "text.png", 8, 8)
    with pytest.raises(InputError, match=r"other.png cannot be read: No such file"):
        masks.read_mask(tmp_path / "other.png", 8, 8)
    with pytest.raises(InputError, match="masks of 0x8 pixels are not possible"):
        masks.masks(2, 0, 8)
