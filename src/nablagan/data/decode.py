"""One image file's bytes to pixels, on the assumption that whoever wrote them means harm."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from nablagan.data.fitting import fit_picture, placement
from nablagan.data.policy import Policy

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
LARGEST_PIXEL_COUNT = 1 << 26
"""67 megapixels, checked in the header before anything is decoded."""
ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""


class BadFile(Exception):
    """A file that cannot be used, with a reason to count it under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Header(NamedTuple):
    """What the first bytes tell: (height, width) as shown, and whether there is no colour."""

    size: tuple[int, int]
    is_grey: bool


class Picture(NamedTuple):
    """An upright picture in mode L or RGB, the (height, width) of the file, and what had to be converted."""

    image: Image.Image
    size: tuple[int, int]
    conversions: tuple[str, ...]


class Decoded(NamedTuple):
    """uint8 (C, H, W) by the policy, the (height, width) before it, and what had to be converted."""

    pixels: np.ndarray
    size: tuple[int, int]
    conversions: tuple[str, ...]


def read_header(data: bytes) -> Header:
    """Size and colour from the header alone; BadFile when there is none or it promises too much."""
    with opened(data) as image:
        width, height = image.size
        # Pillow decodes a whole PNG to look for EXIF behind the pixels; before them it is in `info`.
        # It turns a TIFF itself, and its `size` is that of the turned one from the start.
        known = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        turned = known and orientation_of(image) >= 5
        is_grey = image.mode in _GREY_MODES
    return Header((width, height) if turned else (height, width), is_grey)


def decode(data: bytes, policy: Policy) -> Decoded:
    """The picture in `data`, upright, its first frame, on white where transparent, fitted to the policy."""
    picture = read_picture(data, enough=2 * max(policy.width, policy.height))
    (height, width), conversions = picture.size, picture.conversions
    where = placement(width, height, policy)
    if where.size[0] > where.box[2] - where.box[0] or where.size[1] > where.box[3] - where.box[1]:
        conversions += ("enlarged",)
    return Decoded(fit_picture(picture.image, policy), (height, width), conversions)


def read_picture(data: bytes, enough: int | None = None) -> Picture:
    """The picture in `data`, upright, its first frame, on white where transparent.

    Where the format can, it is decoded smaller, but no smaller than `enough`. Raises BadFile.
    """
    conversions: list[str] = []
    with opened(data) as image:
        if getattr(image, "is_animated", False):
            conversions.append("several frames, first one used")
        if image.mode not in _CONVERSIONS and any(";16" in str(tile.args) for tile in getattr(image, "tile", ())):
            conversions.append(_SIXTEEN_BITS)  # by Pillow itself, which drops the lower byte
        is_tiff = image.format == "TIFF"  # Pillow turns it while loading, and then forgets that it did
        orientation = orientation_of(image) if is_tiff else 1
        width, height = image.size
        if enough:
            image.draft(None, (enough, enough))  # JPEG: decode at a half, a quarter, an eighth
        image.load()
        if not is_tiff:
            orientation = orientation_of(image)
            width, height = (height, width) if orientation >= 5 else (width, height)
        picture = _in_plain_mode(image, conversions)
    if orientation in TURNS:
        picture = picture if is_tiff else picture.transpose(TURNS[orientation])
        conversions.append("turned as EXIF says")
    return Picture(picture, (height, width), tuple(conversions))


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """The image behind an explicit list of formats; every failure while it is open becomes a BadFile."""
    if not data:
        raise BadFile("empty file")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PIXEL_COUNT:
                raise BadFile("too many pixels")
            yield image
    except BadFile:
        raise
    except UnidentifiedImageError as error:
        raise BadFile("not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadFile("too many pixels") from error
    except Exception as error:  # Pillow's parsers raise anything: struct.error, IndexError, SyntaxError, ...
        cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        raise BadFile("truncated" if cut else "damaged") from error


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 when there is none or EXIF is damaged, as the pixels are still good."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # hostile EXIF raises struct.error, SyntaxError, ValueError, ...
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _in_plain_mode(image: Image.Image, conversions: list[str]) -> Image.Image:
    """The picture in mode L or RGB."""
    if "transparency" in image.info or image.mode in _TRANSPARENT_MODES:
        return _on_white(image, conversions)
    if image.mode in ("L", "RGB"):
        return image
    if image.mode not in _CONVERSIONS:
        raise BadFile(f"pixel type {image.mode}")
    name, convert = _CONVERSIONS[image.mode]
    conversions.append(name)
    return convert(image)


def _on_white(image: Image.Image, conversions: list[str]) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I"):  # one transparent grey value; Pillow cannot convert these
        conversions.append(_SIXTEEN_BITS)
        return _CONVERSIONS[image.mode][1](image)
    layer = image.convert("RGBA")
    if np.asarray(layer.getchannel("A")).min() < 255:
        conversions.append("transparent, put on white")
    page = Image.new("RGBA", layer.size, "white")
    page.alpha_composite(layer)
    return page.convert("L" if image.mode in _GREY_MODES else "RGB")


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.size and not 0 <= values.min() <= values.max() <= 65535:
        raise BadFile("integers beyond 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _from_floats(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadFile("floats outside [0, 1]")
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _to(mode: str) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.convert(mode)


_TRANSPARENT_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_SIXTEEN_BITS = "16 bits to 8"
_GREY_MODES = ("1", "L", "LA", "La", "I;16", "I;16B", "I", "F")
_CONVERSIONS: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "1": ("black and white", _to("L")),
    "P": ("palette", _to("RGB")),
    "RGBX": ("spare channel", _to("RGB")),
    "CMYK": ("CMYK", _to("RGB")),
    "YCbCr": ("YCbCr", _to("RGB")),
    "I;16": (_SIXTEEN_BITS, _from_sixteen_bits),
    "I;16B": (_SIXTEEN_BITS, _from_sixteen_bits),
    "I": (_SIXTEEN_BITS, _from_sixteen_bits),
    "F": ("floats to 8 bits", _from_floats),
}
