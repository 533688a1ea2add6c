"""Letters and signs in two typefaces: DejaVu Sans and DejaVu Serif, which matplotlib brings along."""

import hashlib
import unicodedata
from collections.abc import Iterator
from functools import cache as remembered
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from nablagan.data.arrays import ArraySource
from nablagan.data.dataset import Dataset
from nablagan.data.hashing import hash_of_file
from nablagan.data.pairing import Drawing, Progress, in_blocks, open_drawn
from nablagan.data.policy import Request

RESOLUTION = 32
CATEGORIES = ("L", "N", "P", "Sc")
"""Of Unicode: letters, numbers, punctuation, currencies; no combining marks, drawings, private use or blanks, and no
mathematics, which looks much the same in both fonts."""
LOWEST, HIGHEST = -512, 2048
"""What a picture shows, in units of the fonts (2,048 an em) above the baseline; its width is the same."""
HELD_OUT_PART = 10
_SPLIT_SEED = 20_261_126
_FINER = 4
"""Drawn so much larger and averaged, so that hinting leaves no trace."""


class Glyph(NamedTuple):
    """A code point and the middle of its outline, in units to the right of the origin, in both fonts."""

    code_point: int
    source_middle: float
    sample_middle: float


def open_glyphs(name: str, held_out: bool, request: Request, cache: Path, progress: Progress) -> Dataset:
    """The pairs of one side of the split, white on black, drawn at the size that is asked for.

    Both fonts have the same scale and baseline, and each glyph stands in the middle of its picture.
    """
    side = min(request.size or (RESOLUTION,))
    identity = ["glyphs 1", held_out, side, [*map(hash_of_file, font_paths())], _renderer()]
    notes = {
        "split": "code points of other outlines are in builtin:glyphs" + ("" if held_out else "-heldout"),
        "origin": "DejaVu Sans (sources) and DejaVu Serif (samples), bundled with matplotlib",
    }
    drawing = Drawing(identity, (2, side, side), _rows(held_out, side, progress))
    return open_drawn(
        lambda images: ArraySource(name, f"builtin:{name}", images, None, (), notes), drawing, request, cache
    )


def glyphs(held_out: bool) -> list[Glyph]:
    """The pairs that can be told apart and fit into the frame, by code point; one side of the split.

    Of code points whose source has the same outline the first stays; those whose sample has the same outline are on
    the same side. Outlines that do not differ between the fonts are left out.
    """
    sources, samples = (_outlines(path) for path in font_paths())
    first_of_source: dict[str, int] = {}
    first_of_sample: dict[str, int] = {}
    chosen = []
    for code_point in sorted(sources.keys() & samples.keys()):
        source, sample = sources[code_point], samples[code_point]
        if not _is_wanted(code_point) or source.shape == sample.shape or not (source.fits and sample.fits):
            continue
        group = first_of_sample.setdefault(sample.shape, code_point)
        if first_of_source.setdefault(source.shape, code_point) == code_point and _is_held_out(group) == held_out:
            chosen.append(Glyph(code_point, source.middle, sample.middle))
    return chosen


def font_paths() -> tuple[Path, Path]:
    """The font of the sources and that of the samples."""
    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"
    return folder / "DejaVuSans.ttf", folder / "DejaVuSerif.ttf"


def _rows(held_out: bool, side: int, progress: Progress) -> Iterator[np.ndarray]:
    size = side * _FINER * 2048 / _frame()
    fonts = [ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC) for path in font_paths()]
    yield from in_blocks(lambda glyph: _pair(glyph, fonts, side), glyphs(held_out), progress)


class _Outline(NamedTuple):
    shape: str
    """sha256 of the outline, wherever it stands along the line."""
    middle: float
    fits: bool


@remembered
def _outlines(path: Path) -> dict[int, _Outline]:
    """The outline of each code point of a font that has any ink."""
    from fontTools.ttLib import TTFont

    font = TTFont(path)
    table, found = font["glyf"], {}
    for code_point, name in (font.getBestCmap() or {}).items():
        if table[name].numberOfContours:
            found[code_point] = _outline(*table[name].getCoordinates(table))
    return found


def _outline(points: Any, ends: Any, flags: Any) -> _Outline:
    across, up = np.array(points).T
    left, right = int(across.min()), int(across.max())
    dots = list(zip((across - left).tolist(), up.tolist(), [flag & 1 for flag in flags], strict=True))
    starts = [0, *(end + 1 for end in ends[:-1])]
    contours = sorted(_from_least(dots[start : end + 1]) for start, end in zip(starts, ends, strict=True))
    fits = right - left <= _frame() and up.min() >= LOWEST and up.max() <= HIGHEST
    return _Outline(hashlib.sha256(repr(contours).encode()).hexdigest(), (left + right) / 2, bool(fits))


def _from_least(contour: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The closed contour from its least point on: where a font begins it makes no difference."""
    least = contour.index(min(contour))
    return contour[least:] + contour[:least]


def _is_wanted(code_point: int) -> bool:
    return unicodedata.category(chr(code_point)).startswith(CATEGORIES)


def _is_held_out(group: int) -> bool:
    """One group in ten, by a hash of its first code point: the same ones whatever else the fonts hold."""
    digest = hashlib.sha256(f"{_SPLIT_SEED} {group}".encode()).digest()
    return int.from_bytes(digest[:8]) % HELD_OUT_PART == 0


def _pair(glyph: Glyph, fonts: list[ImageFont.FreeTypeFont], side: int) -> np.ndarray:
    """uint8 (2, side, side): the source and the sample."""
    middles = (glyph.source_middle, glyph.sample_middle)
    return np.stack([_drawn(glyph.code_point, font, at, side) for font, at in zip(fonts, middles, strict=True)])


def _drawn(code_point: int, font: ImageFont.FreeTypeFont, middle: float, side: int) -> np.ndarray:
    page = Image.new("L", (side * _FINER, side * _FINER))
    unit = side * _FINER / _frame()
    origin = (side * _FINER / 2 - middle * unit, HIGHEST * unit)
    ImageDraw.Draw(page).text(origin, chr(code_point), fill=255, font=font, anchor="ls")
    return np.asarray(page.reduce(_FINER))


def _frame() -> int:
    return HIGHEST - LOWEST


def _renderer() -> str:
    return f"Pillow {Image.__version__}, FreeType {features.version('freetype2')}"
