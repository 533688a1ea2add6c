"""Resizing against Pillow, and against TensorFlow 1's rule written out for one pixel."""

import numpy as np
import pytest
import torch
from PIL import Image

from nablagan.metrics.extractors import resize

IMAGE = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 1, 20, 14), dtype=np.uint8))


@pytest.mark.parametrize("side", [8, 32])
def test_bicubic_levels_are_pillows_to_a_level(side):
    """Grey levels in the middle: Pillow also clamps between its two passes."""
    image = 90 + IMAGE // 4
    expected = np.asarray(Image.fromarray(image[0, 0].numpy()).resize((side, side), Image.Resampling.BICUBIC), int)
    found = resize.bicubic_levels(image, side)[0, 0].numpy()
    assert np.abs(found - expected).max() <= 1


def test_tensorflows_bilinear_reads_from_i_size_over_side():
    side = 30
    found = resize.tensorflow_bilinear(IMAGE, side)
    for row, column in ((0, 0), (7, 11), (29, 29)):
        y, x = row * 20 / side, column * 14 / side
        top, left = int(y), int(x)
        low, right = min(top + 1, 19), min(left + 1, 13)
        at = lambda i, j: float(IMAGE[0, 0, i, j])  # noqa: E731
        above = at(top, left) + (at(top, right) - at(top, left)) * (x - left)
        below = at(low, left) + (at(low, right) - at(low, left)) * (x - left)
        assert found[0, 0, row, column].item() == pytest.approx(above + (below - above) * (y - top), abs=1e-3)


def test_tensorflows_bilinear_keeps_an_image_of_the_right_size():
    square = IMAGE[:, :, :14]
    assert torch.equal(resize.tensorflow_bilinear(square, 14), square.float())


def test_normalised_has_the_published_values_for_white():
    white = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    found = resize.normalised(white, 6, (0.5, 0.25, 0.0), (0.5, 0.25, 2.0))
    assert found.shape == (1, 3, 6, 6)
    assert found[0, :, 3, 3].tolist() == pytest.approx([1.0, 3.0, 0.5])
