"""L1, PSNR and SSIM of pairs of images, against scikit-image and numbers by hand."""

import numpy as np
import pytest
import torch

from nablagan.metrics.pairs import l1, psnr, ssim, unit_range
from nablagan.types import InputError


def pair(channels=3, side=24, count=3):
    random = np.random.default_rng(0)
    first = random.integers(0, 256, (count, channels, side, side + 5), dtype=np.uint8)
    noise = random.integers(-40, 41, first.shape)
    return first, np.clip(first + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_equal_scikit_image(channels):
    """Oracle: scikit-image with the settings it names as those of Wang et al. 2004."""
    metrics = pytest.importorskip("skimage.metrics")
    first, second = pair(channels)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        similarity = metrics.structural_similarity(a, b, channel_axis=0, **settings)
        assert ssim(first, second)[i].item() == pytest.approx(similarity, abs=1e-9)
        ratio = metrics.peak_signal_noise_ratio(a, b, data_range=255)
        assert psnr(first, second)[i].item() == pytest.approx(ratio, abs=1e-9)


def test_ssim_of_constant_images_by_hand():
    """Wang et al. 2004: without variance only the luminance is left, (2 x y + C1) / (x^2 + y^2 + C1)."""
    first, second = torch.full((1, 1, 12, 12), 0.2), torch.full((1, 1, 12, 12), -0.4)
    expected = (2 * 0.6 * 0.3 + 1e-4) / (0.6**2 + 0.3**2 + 1e-4)
    assert ssim(first, second).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("figure", [l1, psnr, ssim])
def test_bits_and_floats_give_the_same(figure):
    first, second = pair()
    expected = figure(first, second)
    torch.testing.assert_close(figure(first.astype(np.uint16) * 257, second.astype(np.uint16) * 257), expected)
    floats = [torch.from_numpy(each / 127.5 - 1) for each in (first, second)]
    torch.testing.assert_close(figure(*floats), expected)
    assert expected.dtype == torch.float64


@pytest.mark.parametrize("figure", [l1, psnr, ssim])
def test_masks_choose_pixels(figure):
    first, second = pair()
    mask = np.zeros((3, 1, 24, 29), np.uint8)
    mask[:, :, 8:16, 9:20] = 255
    inside = np.where(mask, second, first)
    everywhere = np.ones_like(mask)
    torch.testing.assert_close(figure(first, second, everywhere), figure(first, second))
    torch.testing.assert_close(figure(first, second, mask[:1]), figure(first, second, mask))
    if figure is not ssim:  # whose windows see beyond the mask
        torch.testing.assert_close(figure(first, inside, mask), figure(first, second, mask))
        assert bool((l1(first, inside, mask == 0) == 0).all())
    assert bool(figure(first, second, np.zeros_like(mask)).isnan().all())


def test_a_masked_figure_by_hand():
    first, second = torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4)
    second[0, 0, 0] = torch.tensor([2.0, 0.4, 0.0, 0.0])
    mask = torch.tensor([[[[0, 1, 1, 0]]]])
    assert l1(first, second, mask).item() == pytest.approx(0.2 / 4)
    assert psnr(first, second, mask).item() == pytest.approx(-10 * np.log10(0.04 / 4))


def test_equal_images():
    first, _ = pair()
    assert bool((l1(first, first) == 0).all())
    assert bool(psnr(first, first).isinf().all())
    torch.testing.assert_close(ssim(first, first), torch.ones(3, dtype=torch.float64))


def test_wrong_input_is_refused():
    first, second = pair()
    for wrong, words in (
        (lambda: l1(first, second[:, :, 1:]), "pairs of equal shape"),
        (lambda: psnr(first, second, np.ones((3, 1, 4, 4))), "mask of shape"),
        (lambda: ssim(first[:, :, :8], second[:, :, :8]), "11 pixels"),
        (lambda: unit_range(first[0]), "n, channels"),
        (lambda: unit_range(first.astype(np.int32)), "uint8, uint16"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()
