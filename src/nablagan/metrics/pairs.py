"""Figures of two images that should be equal, pixel by pixel: L1, PSNR and SSIM, one value an image.

Images are (n, C, h, w), numpy or tensor: uint8, uint16, or floats in [-1, 1]. All are brought to [0, 1] in float64, so
that a figure does not depend on the number of bits. `mask` (n or 1, 1, h, w) is true (not 0) where pixels count: the
hole of a completion, or its complement. An image of which no pixel counts has no value: nan.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from nablagan.types import InputError

Images = np.ndarray | Tensor
WINDOW = 11
"""Side of the Gaussian window of SSIM."""
_SIGMA, _K1, _K2 = 1.5, 0.01, 0.03
_AT_ONCE = 64
"""Images whose windows are held at once."""


def l1(first: Images, second: Images, mask: Images | None = None) -> Tensor:
    """Mean |x - y| over pixels and channels (n,), float64, as a share of the whole range; 0 for equal images.

    Raises InputError for images of two shapes.

    >>> l1(np.array([[[[0, 255]]]], np.uint8), np.array([[[[0, 204]]]], np.uint8))
    tensor([0.1000], dtype=torch.float64)
    """
    x, y, weights = _checked(first, second, mask)
    return _mean((x - y).abs(), weights)


def psnr(first: Images, second: Images, mask: Images | None = None) -> Tensor:
    """-10 log10 of the mean squared difference (n,), float64, in decibels; inf for equal images.

    Raises InputError for images of two shapes.

    >>> psnr(torch.tensor([[[[-1.0]]]]), torch.tensor([[[[-0.8]]]])).round(decimals=4)
    tensor([20.], dtype=torch.float64)
    """
    x, y, weights = _checked(first, second, mask)
    return -10 * torch.log10(_mean((x - y).square(), weights))


def ssim(first: Images, second: Images, mask: Images | None = None) -> Tensor:
    """Mean structural similarity (n,), float64 (Wang et al. 2004, equations 13 to 17), 1 for equal images.

    Gaussian window of 11 x 11 pixels and deviation 1.5, K1 = 0.01, K2 = 0.03, population variances; the mean over
    channels and those places whose window lies within the image. A mask chooses among these places; 5 pixels along the
    edges never count. Raises InputError for images of two shapes or with a side below 11.

    >>> image = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)
    >>> bool((ssim(image, image) == 1) & (ssim(image, -image) < 0))
    True
    """
    x, y, weights = _checked(first, second, mask)
    if min(x.shape[2:]) < WINDOW:
        raise InputError(f"SSIM needs sides of {WINDOW} pixels or more, these are {tuple(x.shape[2:])}; use l1 or psnr")
    margin = WINDOW // 2
    inside = weights[:, :, margin:-margin, margin:-margin]
    starts = range(0, len(x), _AT_ONCE)
    maps = torch.cat([_similarities(x[i : i + _AT_ONCE], y[i : i + _AT_ONCE]) for i in starts])
    return _mean(maps, inside)


def unit_range(images: Images) -> Tensor:
    """float64 (n, C, h, w) in [0, 1] of uint8, uint16, or floats in [-1, 1]. InputError for anything else."""
    values = torch.as_tensor(np.array(images) if isinstance(images, np.ndarray) else images)
    if values.ndim != 4 or not values.numel():
        raise InputError(f"images have shape {tuple(values.shape)}; give (n, channels, height, width), all above 0")
    if values.dtype in _LEVELS:
        return values.double() / _LEVELS[values.dtype]
    if not values.is_floating_point():
        raise InputError(f"images are {values.dtype}; give uint8, uint16, or floats in [-1, 1]")
    return (values.double() + 1) / 2


_LEVELS = {torch.uint8: 255, torch.uint16: 65535}


def _checked(first: Images, second: Images, mask: Images | None) -> tuple[Tensor, Tensor, Tensor]:
    """Both in [0, 1] and the weights (n, 1, h, w) of pixels, 0 or 1."""
    x, y = unit_range(first), unit_range(second)
    if x.shape != y.shape:
        raise InputError(f"images of shapes {tuple(x.shape)} and {tuple(y.shape)}; give pairs of equal shape")
    size = (len(x), 1, *x.shape[2:])
    if mask is None:
        return x, y, x.new_ones(size)
    weights = (torch.as_tensor(mask, device=x.device) != 0).double()
    if weights.ndim != 4 or weights.shape[1:] != size[1:] or len(weights) not in (1, len(x)):
        raise InputError(f"mask of shape {tuple(weights.shape)} for images of {tuple(x.shape)}; give {size}")
    return x, y, weights.expand(size)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Of each image's values (n, C, h, w) where weights (n, 1, h, w) are 1."""
    return (values.mean(1, keepdim=True) * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))


def _similarities(x: Tensor, y: Tensor) -> Tensor:
    """The map of local similarities (n, C, h - 10, w - 10), for a range of 1."""
    mean_x, mean_y, xx, yy, xy = (_windowed(each) for each in (x, y, x * x, y * y, x * y))
    variances = xx - mean_x.square() + yy - mean_y.square()
    covariance = xy - mean_x * mean_y
    c1, c2 = _K1**2, _K2**2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return numerator / ((mean_x.square() + mean_y.square() + c1) * (variances + c2))


def _windowed(images: Tensor) -> Tensor:
    """Gaussian means of all windows within the images, each channel by itself."""
    places = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    gauss = torch.exp(-places.square() / (2 * _SIGMA**2))
    gauss = (gauss / gauss.sum()).reshape(1, 1, -1, 1)
    planes = images.reshape(-1, 1, *images.shape[2:])
    means = conv2d(conv2d(planes, gauss), gauss.transpose(2, 3))
    return means.reshape(*images.shape[:2], *means.shape[2:])
