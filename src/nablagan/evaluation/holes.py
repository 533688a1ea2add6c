"""How thick holes are: completion is judged for thin, medium and thick ones apart."""

import numpy as np
from scipy.ndimage import distance_transform_edt

THIN, MEDIUM, THICK = "thin", "medium", "thick"
BORDERS = ((0.08, THIN), (0.2, MEDIUM))
"""Up to what part of the shorter side; beyond the last, thick."""


def hole_groups(masks: np.ndarray) -> list[str]:
    """thin, medium or thick for each mask (n, 1, h, w), not 0 where pixels are missing, by `hole_thickness`."""
    return [_group(hole_thickness(mask[0])) for mask in masks]


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
