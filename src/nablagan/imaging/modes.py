"""What the kinds of picture files (Pillow's modes) hold, as arrays, and back.

Colours are (1 or 3, h, w) in the file's own depth: uint8, uint16 (0 ... 65535) or float32 (0 ... 1).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from nablagan.data.decode import BadFile


class Planes(NamedTuple):
    """A picture's pixels."""

    colours: np.ndarray
    """(1 or 3, h, w)."""
    alpha: np.ndarray | None
    """uint8 (1, h, w) where the file has transparency."""
    mode: str
    """Pillow's, in which they are written: one of COLOURS."""
    note: str
    """What was converted; empty where nothing was."""


COLOURS = {"1": 1, "L": 1, "LA": 1, "I;16": 1, "F": 1, "RGB": 3, "RGBA": 3}
"""The modes that are written, and how many colours each has."""
DEPTHS = {"I;16": np.uint16, "F": np.float32}
"""Of the colours; uint8 in all other modes."""


def planes_of(image: Image.Image) -> Planes:
    """The pixels of a loaded image. BadFile for kinds that are not read, and for values beyond the depth."""
    wanted, note = READ_AS.get(image.mode, ("", ""))
    if not wanted:
        raise BadFile(f"pixel type {image.mode}")
    if "transparency" in image.info:
        if wanted in DEPTHS:
            note = "one transparent value, now opaque"
        else:
            wanted = {"1": "LA", "L": "LA", "RGB": "RGBA"}.get(wanted, wanted)
    return READERS.get(wanted, _bytes)(image, wanted, note)


def picture_of(colours: np.ndarray, alpha: np.ndarray | None, mode: str) -> Image.Image:
    """The image in that mode of colours and alpha as in `Planes`."""
    if mode == "1":
        return Image.fromarray(np.where(colours[0] >= 128, 255, 0).astype(np.uint8)).convert("1")
    if mode in DEPTHS:
        return Image.fromarray(np.ascontiguousarray(colours[0].astype(DEPTHS[mode])))
    planes = [*colours, *([] if alpha is None else alpha)]
    return Image.merge(mode, [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes])


def with_colours(mode: str, count: int) -> str:
    """The mode nearest to `mode` that has 1 or 3 colours; colours are 8 bits deep, as Pillow writes no others.

    >>> with_colours("LA", 3), with_colours("RGB", 1), with_colours("I;16", 1)
    ('RGBA', 'L', 'I;16')
    """
    if COLOURS[mode] == count:
        return mode
    pairs = {"LA": "RGBA", "RGBA": "LA"}
    return pairs.get(mode, "RGB" if count == 3 else "L")


def _bytes(image: Image.Image, wanted: str, note: str) -> Planes:
    pixels = np.asarray(image if image.mode == wanted else image.convert("L" if wanted == "1" else wanted))
    planes = np.array(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
    has_alpha = wanted.endswith("A")
    return Planes(planes[:-1] if has_alpha else planes, planes[-1:] if has_alpha else None, wanted, note)


def _one_bit(image: Image.Image, wanted: str, note: str) -> Planes:
    return _bytes(image.convert("L"), "L", note)._replace(mode=wanted)


def _sixteen_bits(image: Image.Image, wanted: str, note: str) -> Planes:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise BadFile("integers beyond 16 bits")
    return Planes(values.astype(np.uint16)[None], None, wanted, note)


def _floats(image: Image.Image, wanted: str, note: str) -> Planes:
    values = np.array(image, np.float32)[None]
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadFile("floats outside [0, 1]")
    return Planes(values, None, wanted, note)


READERS: dict[str, Callable[[Image.Image, str, str], Planes]] = {
    "1": _one_bit,
    "I;16": _sixteen_bits,
    "F": _floats,
}
READ_AS = {
    **{mode: (mode, "") for mode in ("1", "L", "LA", "RGB", "RGBA", "I;16", "F")},
    "I;16B": ("I;16", ""),
    "I": ("I;16", "32-bit integers, written as 16 bits"),
    "P": ("RGB", "palette, written as colours"),
    "PA": ("RGBA", "palette, written as colours"),
    "La": ("LA", "premultiplied transparency"),
    "RGBa": ("RGBA", "premultiplied transparency"),
    "RGBX": ("RGB", "spare channel dropped"),
    "CMYK": ("RGB", "CMYK, written as RGB"),
    "YCbCr": ("RGB", "YCbCr, written as RGB"),
}
"""How each mode is read, and what is told about it."""
