"""A picture file as arrays with all that is needed to write it back alike, and the writing.

Pictures are turned upright as EXIF says and are written so, with the orientation reset and the rest of EXIF kept: other
formats and many programs know no orientation, and a mask drawn on what a viewer shows fits.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nablagan.data.decode import ORIENTATION_TAG, TURNS, BadFile, opened, orientation_of
from nablagan.imaging.modes import COLOURS, picture_of, planes_of, with_colours
from nablagan.types import InputError

HOLDS = {
    "PNG": ("1", "L", "LA", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "RGB", "RGBA", "I;16", "F"),
    "JPEG": ("L", "RGB"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "RGB"),
    "PPM": ("1", "L", "RGB", "I;16"),
}
"""The modes that each format that is written can hold. GIF is read only: its palette would change every colour."""
LOSSY = ("JPEG", "WEBP")
SETTINGS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}}
SUFFIXES = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pbm": "PPM",
    ".gif": "GIF",
}
"""The formats by the names of their files."""
_SIXTEEN_BITS = "16 bits a colour reduced to 8, as Pillow reads no more"


@dataclass(frozen=True)
class Picture:
    """An upright picture in its own depth."""

    colours: np.ndarray
    """(1 or 3, h, w) uint8, uint16, or float32 in [0, 1]."""
    alpha: np.ndarray | None
    """uint8 (1, h, w), or None where there is no transparency."""
    mode: str
    """Pillow's mode in which it is written."""
    kept: dict[str, Any]
    """What is written back unchanged: icc_profile, dpi, exif."""
    notes: tuple[str, ...] = ()
    """What could not be kept, for a person."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.colours.shape[1], self.colours.shape[2]

    def painted(self, colours: np.ndarray) -> "Picture":
        """The picture with other colours (1 or 3, h, w) of its own depth, or of 8 bits where their number changes."""
        count = len(colours)
        if count == COLOURS[self.mode]:
            return replace(self, colours=colours)
        kept = {name: value for name, value in self.kept.items() if name != "icc_profile"}
        return replace(self, colours=colours, mode=with_colours(self.mode, count), kept=kept)


def read_picture(path: Path) -> Picture:
    """The picture in a file: its first frame, upright. InputError in one line for what is none, or is too large."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # what Pillow finds odd is refused, or does no harm
            return decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except BadFile as error:
        raise InputError(f"{path} cannot be used: {error.reason}") from error


def decoded(data: bytes) -> Picture:
    """The picture in the bytes of a file. BadFile, with a reason, for what is none."""
    with opened(data) as image:
        notes = [_SIXTEEN_BITS] if _is_reduced(image) else []
        if getattr(image, "is_animated", False):
            notes.append("several frames, the first one used")
        turned = orientation_of(image) if image.format != "TIFF" else 1  # Pillow turns a TIFF itself, while loading
        image.load()
        turned = turned if image.format == "TIFF" else orientation_of(image)
        kept = _kept(image)
        upright = image.transpose(TURNS[turned]) if turned in TURNS else image
        planes = planes_of(upright)
    if planes.note and image.format != "PPM":  # whose 16 bits Pillow reads as 32, and writes as 16 again
        notes.append(planes.note)
    if image.mode == "CMYK":
        kept.pop("icc_profile", None)  # it says what CMYK means
    return Picture(planes.colours, planes.alpha, planes.mode, kept, tuple(notes))


def write_picture(picture: Picture, path: Path) -> None:
    """Write the picture in the format that the path's suffix names. InputError where that cannot hold it."""
    format = format_of(path)
    if picture.mode not in HOLDS.get(format, ()):
        words = f"a {format} file cannot hold this picture ({_words(picture.mode)})"
        raise InputError(f"{path}: {words}; name it {path.with_suffix(_safe_suffix(picture.mode)).name}")
    kept = {name: value for name, value in picture.kept.items() if format in KEEPS[name]}
    image = picture_of(picture.colours, picture.alpha, picture.mode)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, format=format, **kept, **SETTINGS.get(format, {}))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another place") from error


def written_name(picture: Picture, name: Path, exactly: bool = False) -> Path:
    """The name under which the picture is written: `name`, or with .png (.tiff for floats) where it cannot be so.

    It cannot where the format does not hold the picture's mode, and with `exactly` where the format loses anything.
    """
    format = SUFFIXES.get(name.suffix.lower(), "")
    fits = picture.mode in HOLDS.get(format, ()) and not (exactly and format in LOSSY)
    return name if fits else name.with_suffix(_safe_suffix(picture.mode))


def format_of(path: Path) -> str:
    """The format that a path's suffix names. InputError where it names none."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: no format has the suffix '{path.suffix}'; there are {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix.lower()]


KEEPS = {
    "icc_profile": ("PNG", "JPEG", "TIFF", "WEBP"),
    "dpi": ("PNG", "JPEG", "TIFF", "BMP"),
    "exif": ("PNG", "JPEG", "WEBP"),
}
"""Which formats are given which of the things that are kept."""


def _kept(image: Image.Image) -> dict[str, Any]:
    """Profile, resolution, and EXIF without the orientation."""
    found: dict[str, Any] = {"icc_profile": image.info.get("icc_profile"), "dpi": _dpi(image), "exif": _exif(image)}
    return {name: value for name, value in found.items() if value}


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None


def _exif(image: Image.Image) -> bytes | None:
    """Its bytes; None where there is none, or where it is damaged."""
    try:
        exif = image.getexif()
        exif.pop(ORIENTATION_TAG, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # hostile EXIF raises struct.error, SyntaxError, ValueError, ...
        return None


def _is_reduced(image: Image.Image) -> bool:
    """Whether Pillow is about to drop the lower byte of 16-bit colours."""
    return not image.mode.startswith("I") and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))


def _safe_suffix(mode: str) -> str:
    return ".tiff" if mode == "F" else ".png"


def _words(mode: str) -> str:
    names: dict[str, str] = {"F": "floats", "I;16": "16-bit grey", "LA": "grey with transparency"}
    return names.get(mode, "with transparency" if mode == "RGBA" else f"mode {mode}")
