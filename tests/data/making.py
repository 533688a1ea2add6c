"""Pictures and files for the tests of data sets, made anew from seeds."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from nablagan.data.policy import Policy


def photo(height: int = 24, width: int = 36, channels: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 (height, width, channels), or (height, width) for one channel: smooth, with all shades."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / 7
    planes = []
    for phase in random.uniform(0, 6, channels):
        planes.append(127.5 + 80 * np.sin(rows + phase) + 47 * np.cos(columns * 1.3 - phase))
    pixels = np.stack(planes, axis=-1).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def encoded(picture: Image.Image | np.ndarray, format: str = "PNG", **options: object) -> bytes:
    """The bytes of a file that holds the picture."""
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, format, **options)
    return stream.getvalue()


def exact_policy(height: int, width: int, channels: int = 3) -> Policy:
    """A policy that leaves pictures of this size as they are."""
    return Policy(height, width, channels, "crop", "test")


def channels_first(pixels: np.ndarray) -> np.ndarray:
    """(C, H, W) of (H, W) or (H, W, C)."""
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def write_photos(folder: Path, count: int, side: int = 16, first_seed: int = 0) -> list[np.ndarray]:
    """Write `count` RGB photos as 000.png, 001.png, ...; returns their pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [photo(side, side, seed=first_seed + index) for index in range(count)]
    for index, picture in enumerate(pictures):
        (folder / f"{index:03d}.png").write_bytes(encoded(picture))
    return pictures
