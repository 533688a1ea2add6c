"""Cartoon faces drawn from a seed: unlimited colour images for benchmarks (python-avatars and resvg-py)."""

import io
import random

import numpy as np
from PIL import Image


def avatars(count: int, side: int = 64, seed: int = 0) -> np.ndarray:
    """uint8 (count, 3, side, side): random avatars on their coloured backgrounds; equal seeds give equal images."""
    from python_avatars import Avatar
    from resvg_py import svg_to_bytes

    state = random.getstate()
    random.seed(seed)  # python-avatars draws from the module's own generator
    try:
        drawings = [Avatar.random().render() for _ in range(count)]
    finally:
        random.setstate(state)
    pictures = [svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True) for svg in drawings]
    return np.stack([_pixels(bytes(picture)) for picture in pictures])


def _pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        flat = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(flat.convert("RGB")).transpose(2, 0, 1)
