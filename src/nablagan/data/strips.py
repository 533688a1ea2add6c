"""Pictures of a direction: the images along it, and its derivative in signed colours."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from nablagan.data.pictures import picture_grid, to_uint8
from nablagan.types import InputError

FALLING, RISING = (33, 102, 172), (178, 24, 43)
"""Blue and red that colour-blind people tell apart; white is no change."""


def strip_picture(images: Tensor, derivatives: Tensor, titles: Sequence[str]) -> Image.Image:
    """One row a direction: its images in [-1, 1], then its derivative; rows titled.

    images (rows, K, C, H, W), derivatives (rows, C, H, W): where an image gets lighter along the direction it is red,
    where darker blue; of colour images each channel is shown about mid-grey. All rows share one scale. Raises
    InputError for shapes that do not fit.
    """
    if images.ndim != 5 or derivatives.shape != (len(images), *images.shape[2:]) or len(titles) != len(images):
        raise InputError(
            f"images {tuple(images.shape)}, derivatives {tuple(derivatives.shape)} and {len(titles)} titles: give "
            "(rows, K, C, H, W), (rows, C, H, W) and a title a row"
        )
    rows, columns = images.shape[:2]
    pictures = coloured(to_uint8(images.flatten(0, 1))).reshape(rows, columns, 3, *images.shape[3:])
    signed = signed_colours(derivatives)[:, None]
    everything = np.concatenate([pictures, signed], 1).reshape(-1, *pictures.shape[2:])
    return picture_grid(everything, columns + 1, titles)


def signed_colours(values: Tensor) -> np.ndarray:
    """uint8 (N, 3, H, W) of values (N, C, H, W), full colour from `full_colour` of them all on; zero stays neutral.

    Of one or two channels the first: white at zero, red above, blue below. Of three or more the first three: mid-grey
    at zero, each channel lighter above and darker below.
    """
    numbers = np.clip(values.double().cpu().numpy() / (full_colour(values) or 1), -1, 1)
    if numbers.shape[1] >= 3:
        return np.rint(127.5 + 127.5 * numbers[:, :3]).astype(np.uint8)
    one = numbers[:, :1]
    ends = (np.reshape(end, (1, 3, 1, 1)) for end in (FALLING, RISING))
    falling, rising = (255 - amount * (255 - end) for amount, end in zip((-one, one), ends, strict=True))
    return np.rint(np.where(one < 0, falling, rising)).astype(np.uint8)


def full_colour(values: Tensor) -> float:
    """The magnitude that 99 % of the values that are not zero stay below: single pixels would leave the rest pale."""
    magnitudes = np.abs(values.double().cpu().numpy())
    return float(np.quantile(magnitudes[magnitudes > 0], 0.99)) if magnitudes.any() else 0.0


def coloured(pixels: np.ndarray) -> np.ndarray:
    """uint8 (N, 3, H, W): the first three channels, or the first one as grey."""
    return pixels[:, :3] if pixels.shape[1] >= 3 else pixels[:, :1].repeat(3, 1)
