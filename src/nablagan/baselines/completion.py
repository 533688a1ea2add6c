"""Completions without training or without a network: functions of known pixels alone, to compare with.

Each takes images uint8 (n, C, h, w) and masks (n or 1, 1, h, w), not 0 where pixels are missing, and returns uint8
images whose known pixels are the given ones, bit for bit. What an image has under its mask is never read. Raises
InputError for other arrays, and for an image without a known pixel.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nablagan.types import InputError

BLOCK = 1024
"""Training images compared at once."""
RADIUS = 3
"""Pixels around a missing one that OpenCV's methods look at."""


def mean_of_known(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Each channel's mean over known pixels in the hole: what doing nothing amounts to."""
    masks = _checked(images, masks)
    known = masks == 0
    sums = (images * known).sum((2, 3), keepdims=True, dtype=np.float64)
    return _composed(images, np.rint(sums / known.sum((2, 3), keepdims=True)), masks)


def nearest_known(images: np.ndarray, masks: np.ndarray, training: np.ndarray) -> np.ndarray:
    """The hole of the training image (m, C, h, w) whose known pixels are nearest in squared distance."""
    masks = _checked(images, masks)
    if training.shape[1:] != images.shape[1:] or not len(training):
        raise InputError(f"training images of shape {training.shape} for images of {images.shape}; give one size")
    known = np.broadcast_to(masks == 0, images.shape).reshape(len(images), -1)
    return _composed(images, training[nearest_rows(images, training, known)], masks)


def biharmonic(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The surface of least bending through the known pixels (Damelin and Hoang 2018), by scikit-image."""
    masks = _checked(images, masks)
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError as error:
        raise InputError("biharmonic completion needs scikit-image: pip install 'nablagan[baselines]'") from error

    def filled(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.rint(inpaint_biharmonic(image / 255, mask != 0, channel_axis=-1).clip(0, 1) * 255)

    return _each(images, masks, filled)


def telea(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Marching inwards from the border of the hole (Telea 2004), by OpenCV; 1 or 3 channels."""
    return _by_opencv(images, masks, lambda cv2: cv2.INPAINT_TELEA)


def navier_stokes(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Isophotes continued like a fluid's stream lines (Bertalmio et al. 2001), by OpenCV; 1 or 3 channels."""
    return _by_opencv(images, masks, lambda cv2: cv2.INPAINT_NS)


COMPLETIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean_of_known": mean_of_known,
    "biharmonic": biharmonic,
    "telea": telea,
    "navier_stokes": navier_stokes,
}
"""Those that need no training images, by name."""


def nearest_rows(queries: np.ndarray, training: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """For each query (n, ...) the index (n,) of the training row nearest in squared distance over `known` (n, d).

    Of equally near ones the first. Memory: `BLOCK` training rows in float64 at a time.
    """
    x = torch.from_numpy(queries.reshape(len(queries), -1)).double()
    counted = torch.ones_like(x) if known is None else torch.from_numpy(np.array(known)).double()
    least, where = torch.full((len(x),), torch.inf, dtype=x.dtype), torch.zeros(len(x), dtype=torch.long)
    for start in range(0, len(training), BLOCK):
        rows = torch.from_numpy(np.array(training[start : start + BLOCK])).flatten(1).double()
        squares, indices = (counted @ rows.square().T - 2 * (x * counted) @ rows.T).min(1)
        where = torch.where(squares < least, indices + start, where)
        least = torch.minimum(squares, least)
    return where.numpy()


def _by_opencv(images: np.ndarray, masks: np.ndarray, method: Callable[[Any], int]) -> np.ndarray:
    masks = _checked(images, masks)
    try:
        import cv2
    except ImportError as error:
        raise InputError("this completion needs OpenCV: pip install 'nablagan[baselines]'") from error
    if images.shape[1] not in (1, 3):
        raise InputError(f"OpenCV completes 1 or 3 channels of 8 bits, not {images.shape[1]}; use biharmonic")

    def filled(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        blank = np.where(mask[..., None], 0, image).astype(np.uint8)
        return cv2.inpaint(blank, (mask != 0).astype(np.uint8), RADIUS, method(cv2)).reshape(image.shape)

    return _each(images, masks, filled)


def _each(images: np.ndarray, masks: np.ndarray, filled: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """`filled(image (h, w, C), mask (h, w))` of each image."""
    results = [
        filled(np.ascontiguousarray(image.transpose(1, 2, 0)), mask[0])
        for image, mask in zip(np.where(masks, 0, images).astype(np.uint8), masks, strict=True)
    ]
    return _composed(images, np.stack(results).transpose(0, 3, 1, 2), masks)


def _composed(images: np.ndarray, filled: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.where(masks, filled, images).astype(np.uint8)


def _checked(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The masks as bool (n, 1, h, w)."""
    if images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        raise InputError(f"images are {images.dtype} {images.shape}; give uint8 (n, channels, height, width)")
    size = (len(images), 1, *images.shape[2:])
    if masks.ndim != 4 or masks.shape[1:] != size[1:] or len(masks) not in (1, len(images)):
        raise InputError(f"masks of shape {masks.shape} for images of {images.shape}; give {size}")
    missing = np.broadcast_to(masks != 0, size)
    empty = np.flatnonzero(missing.all((1, 2, 3)))
    if len(empty):
        raise InputError(f"image {empty[0]} has no known pixel, from which it could be completed; leave it out")
    return missing
