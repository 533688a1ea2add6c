"""From samples to tensors and back, and to pictures that people look at."""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from nablagan.types import InputError

BACKGROUND = 255
SMALLEST_SHOWN_SIDE = 48
"""Smaller pictures are enlarged by a whole factor, so that 8x8 samples can be seen."""


def to_uint8(images: Tensor) -> np.ndarray:
    """uint8 array of images in [-1, 1] (clipped): undoes `to_tensor`. InputError for NaN and Inf."""
    values = images.detach().to("cpu", torch.float32)
    if not bool(torch.isfinite(values).all()):
        raise InputError("images hold NaN or Inf and cannot be shown; the generator that made them has diverged")
    return values.add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8).numpy()


def picture_grid(
    images: Tensor | np.ndarray,
    columns: int | None = None,
    row_titles: Sequence[str] | None = None,
    gap: int = 2,
) -> Image.Image:
    """One picture of images (N, C, H, W), float in [-1, 1] or uint8, row by row; by default nearly square.

    Shown are 1 or 3 channels, else the first 3 (first 1 of two). Small images are enlarged by a whole factor.
    `row_titles` are written left of the rows. Raises InputError for other shapes and an empty batch.
    """
    pixels = _shown(images)
    columns = columns or math.ceil(math.sqrt(len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    height, width = pixels.shape[1:3]
    titles = _RowTitles(row_titles, height) if row_titles else None
    margin = titles.width if titles else 0
    page = np.full((rows * (height + gap) + gap, margin + columns * (width + gap) + gap, 3), BACKGROUND, np.uint8)
    for index, picture in enumerate(pixels):
        top = gap + index // columns * (height + gap)
        left = margin + gap + index % columns * (width + gap)
        page[top : top + height, left : left + width] = picture
    result = Image.fromarray(page)
    if titles:
        titles.draw(ImageDraw.Draw(result), gap, height + gap)
    return result if titles or pixels.shape[3] == 3 else result.convert("L")


def scatter_picture(
    points: Tensor | np.ndarray, real: Tensor | np.ndarray | None = None, side: int = 480
) -> Image.Image:
    """Square picture, `side` pixels, of points (N, 2); real ones grey beneath, setting the axes."""
    shown = _points(points)
    behind = None if real is None else _points(real)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(side / 100, side / 100), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(aspect="equal")
    if behind is not None:
        axes.scatter(*behind.T, s=4, c="#bbbbbb", linewidths=0, label="real")
    axes.scatter(*shown.T, s=4, c="#d62728" if behind is not None else "#1f77b4", linewidths=0, label="generated")
    if behind is not None:
        _frame(axes, behind)
        axes.legend(loc="upper right", fontsize=8, markerscale=3)
    stream = BytesIO()
    canvas.print_png(stream)
    return Image.open(stream, formats=["PNG"]).convert("RGB")


class _RowTitles:
    """Row titles in a font that fits the rows; `width` pixels are kept free for them."""

    def __init__(self, names: Sequence[str], row_height: int) -> None:
        self.names = [name if len(name) <= 24 else name[:23] + "…" for name in names]
        self.font = ImageFont.load_default(size=max(9, min(14, row_height // 3)))
        self.width = 12 + math.ceil(max((self.font.getlength(name) for name in self.names), default=0))

    def draw(self, canvas: ImageDraw.ImageDraw, top: int, row_height: int) -> None:
        for row, name in enumerate(self.names):
            middle = top + row * row_height + row_height // 2
            canvas.text((6, middle), name, fill=(40, 40, 40), font=self.font, anchor="lm")


def _shown(images: Tensor | np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 1 or 3), enlarged when small."""
    pixels = _as_uint8(images)
    if pixels.ndim != 4 or not len(pixels):
        raise InputError(f"a picture grid needs images (N, C, H, W) with N >= 1, not shape {pixels.shape}")
    pixels = pixels[:, : 3 if pixels.shape[1] >= 3 else 1].transpose(0, 2, 3, 1)
    factor = math.ceil(SMALLEST_SHOWN_SIDE / max(pixels.shape[1:3]))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)


def _as_uint8(images: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(images, Tensor):
        return images.detach().cpu().numpy() if images.dtype == torch.uint8 else to_uint8(images)
    if images.dtype != np.uint8:
        raise InputError(f"a picture grid needs uint8 arrays or float tensors in [-1, 1], not a {images.dtype} array")
    return images


def _points(points: Tensor | np.ndarray) -> np.ndarray:
    values = points.detach().cpu().numpy() if isinstance(points, Tensor) else np.asarray(points)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(f"a scatter picture needs points (N, 2), not shape {values.shape}")
    return values[:, :2]


def _frame(axes: Any, points: np.ndarray) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    spare = 0.2 * (high - low) + 1e-6
    axes.set_xlim(low[0] - spare[0], high[0] + spare[0])
    axes.set_ylim(low[1] - spare[1], high[1] + spare[1])
