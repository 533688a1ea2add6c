"""The image files of a folder or a zip, in one order, with their classes; nothing is unpacked to disk."""

import lzma
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nablagan.data.decode import BadFile
from nablagan.types import InputError

_WIDESPREAD = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_RARE = {".apng", ".jpe", ".jfif", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
SUFFIXES = frozenset(_WIDESPREAD | _RARE)
"""Of the files that count as images, whatever is in them; others are ignored."""
LARGEST_FILE_BYTES = 1 << 28
LARGEST_DIRECTORY_BYTES = 1 << 27
"""Of a zip's list of members: about a million names."""
LARGEST_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 1 << 24
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}


@dataclass(frozen=True)
class Listing:
    """Relative names of the candidates, sorted, and how to read one (BadFile when that fails)."""

    source: str
    name: str
    files: tuple[str, ...]
    ignored: dict[str, int]
    read: Callable[[str], bytes]


@contextmanager
def listed_folder(path: Path) -> Iterator[Listing]:
    """The image files below a folder, links followed once."""
    names = sorted(_walk(path))
    yield _listing(str(path), path.resolve().name, names, lambda name: read_file(path / name))


@contextmanager
def listed_zip(path: Path) -> Iterator[Listing]:
    """The image members of a zip; InputError for one that could do harm."""
    with opened_zip(path) as archive:
        members = {info.filename.replace("\\", "/"): info for info in archive.infolist() if not info.is_dir()}
        yield _listing(str(path), path.stem, sorted(members), lambda name: _read_member(archive, members[name]))


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip whose list of members is of a sane length, with no unsafe name, no link and no bomb."""
    _check_directory_length(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path} is not a readable zip ({error}); make it again") from error
    with archive:
        for info in archive.infolist():
            _check_member(path, info)
        declared = sum(info.file_size for info in archive.infolist())
        if declared > max(LARGEST_RATIO * path.stat().st_size, RATIO_COUNTS_FROM_BYTES):
            raise InputError(
                f"{path} would grow to {declared:,} bytes, over {LARGEST_RATIO} times its size: a zip bomb"
            )
        yield archive


def labels_of(source: str, files: tuple[str, ...]) -> tuple[tuple[str, ...], list[int]]:
    """Class names and each file's class index, from the first folder of the name; both empty without classes.

    One folder round everything is no class. InputError for a folder of splits, or files beside class folders.
    """
    parts = [name.split("/") for name in files]
    depth = depth_of(files)
    in_folder = sum(len(part) > depth + 1 for part in parts)
    if not in_folder:
        return (), []
    classes = sorted({part[depth] for part in parts if len(part) > depth + 1})
    splits = [name for name in classes if name.lower() in SPLITS]
    if len(splits) > 1:  # one alone may be a class: trains
        raise InputError(f"{source} holds the splits {', '.join(splits)}; give the folder of one of them")
    if in_folder < len(parts):
        raise InputError(
            f"{source} has {len(parts) - in_folder} images beside the folders {', '.join(classes[:3])}: put "
            "all images in one folder, or each in the folder of its class"
        )
    index = {name: place for place, name in enumerate(classes)}
    return tuple(map(printable, classes)), [index[part[depth]] for part in parts]


def depth_of(files: tuple[str, ...]) -> int:
    """How many folders hold everything: 1 for a zip of one folder. They make no difference to the content."""
    parts = [name.split("/") for name in files]
    depth = 0
    while all(len(part) > depth + 1 for part in parts) and len({part[depth] for part in parts}) == 1:
        depth += 1
    return depth


def printable(name: str) -> str:
    """A file's name that is safe to print: control characters and undecodable bytes escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _listing(source: str, name: str, names: list[str], read: Callable[[str], bytes]) -> Listing:
    source = printable(source)
    ignored = Counter(reason for reason in map(_why_ignored, names) if reason)
    files = tuple(file for file in names if not _why_ignored(file))
    if not files:
        found = ", ".join(f"{count} {reason}" for reason, count in ignored.most_common(4)) or "nothing at all"
        raise InputError(f"{source} holds no images (.png, .jpg, .webp, ...) but {found}; give another path")
    return Listing(source, printable(name), files, dict(ignored), read)


def _why_ignored(name: str) -> str | None:
    if any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
        return "hidden"
    suffix = os.path.splitext(name)[1].lower()
    return None if suffix in SUFFIXES else (printable(suffix) or "without suffix")


def _walk(root: Path) -> Iterator[str]:
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=_refuse_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = os.path.realpath(folder)
        if place in seen:
            folders[:] = []
            continue
        seen.add(place)
        relative = os.path.relpath(folder, root)
        yield from (name if relative == "." else f"{relative}/{name}" for name in files)


def _refuse_folder(error: OSError) -> None:
    """A folder that cannot be listed would go missing without a word."""
    raise InputError(f"{printable(str(error.filename))} cannot be listed: {error.strerror}; change its permissions")


def read_file(path: Path) -> bytes:
    """The bytes of a regular file of a sane size; BadFile for anything else."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadFile("not a regular file")
        if status.st_size > LARGEST_FILE_BYTES:
            raise BadFile("file too large")
        return path.read_bytes()
    except OSError as error:
        raise BadFile("unreadable") from error


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > LARGEST_FILE_BYTES:
        raise BadFile("file too large")
    if info.file_size > max(LARGEST_RATIO * info.compress_size, RATIO_COUNTS_FROM_BYTES):
        raise BadFile("zip bomb")
    try:
        return archive.read(info)  # never more than the declared size
    except RuntimeError as error:  # zipfile's word for "encrypted"; NotImplementedError: unknown compression
        raise BadFile("encrypted or unknown compression") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise BadFile("damaged in the zip") from error


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or name[1:3] == ":/":
        raise InputError(f"{path} holds the unsafe name {printable(name)!r}; make the zip without such members")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "link" if kind == stat.S_IFLNK else "device or pipe"
        raise InputError(f"{path} holds the {what} {printable(name)!r}; make the zip with plain files only")


def _check_directory_length(path: Path) -> None:
    """Refuse a list of members longer than LARGEST_DIRECTORY_BYTES before zipfile reads all of it."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, end - (1 << 16) - 22))
        tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise InputError(f"{path} is not a zip, or its end is missing; copy it again")
    length = int.from_bytes(tail[place + 12 : place + 16], "little")
    large = tail.rfind(b"PK\x06\x06", 0, place)
    if length == 0xFFFFFFFF and large >= 0:
        length = int.from_bytes(tail[large + 40 : large + 48], "little")
    if length > LARGEST_DIRECTORY_BYTES:
        raise InputError(f"{path} lists too many members ({length:,} bytes of names); use several smaller zips")
