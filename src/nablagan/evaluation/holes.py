"""The holes that completion is judged on, thin, medium and thick ones apart, and how thick given ones are."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from nablagan.data import masks

THIN, MEDIUM, THICK = "thin", "medium", "thick"
KINDS = {THIN: masks.thin, MEDIUM: masks.medium, THICK: masks.thick}
BORDERS = ((0.08, THIN), (0.2, MEDIUM))
"""Up to what part of the shorter side; beyond the last, thick."""


def holes_of(images: np.ndarray, own: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images uint8 (n, C, h, w), masks uint8 (n, 1, h, w) and the names of their groups.

    With the masks that belong to the images as they are, else each image with a hole of each kind, drawn by the seed.
    """
    if own is not None:
        return images, own, hole_groups(own)
    count, height, width = len(images), *images.shape[2:]
    drawn = [masks.masks(count, height, width, kind, seed) for kind in KINDS.values()]
    names = [name for name in KINDS for _ in range(count)]
    return np.tile(images, (len(KINDS), 1, 1, 1)), np.concatenate(drawn).astype(np.uint8) * 255, names


def hole_groups(holes: np.ndarray) -> list[str]:
    """thin, medium or thick for each mask (n, 1, h, w), not 0 where pixels are missing, by `hole_thickness`."""
    return [_group(hole_thickness(hole[0])) for hole in holes]


def hole_thickness(mask: np.ndarray) -> float:
    """Width of the hole of a mask (h, w) at its widest, to a pixel, as a part of the shorter side.

    It is 2 d - 1 pixels where d is the largest distance to a known pixel. Beyond the picture's edge nothing is known: a
    border of 10 pixels that is missing is 19 thick, and without a known pixel it is infinite.

    >>> mask = np.zeros((20, 20))
    >>> mask[3:8] = 1
    >>> hole_thickness(mask)
    0.25
    """
    missing = mask != 0
    if missing.all():
        return float("inf")
    deepest = float(np.asarray(distance_transform_edt(missing)).max())
    return max(2 * deepest - 1, 0.0) / min(mask.shape)


def _group(thickness: float) -> str:
    return next((name for most, name in BORDERS if thickness <= most), THICK)
