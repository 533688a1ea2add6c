"""The run's pictures as data URIs, each within a budget of bytes: larger ones are shown reduced."""

import re
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nablagan.report.record import RunRecord

if TYPE_CHECKING:
    from PIL import Image

HERO_BYTES = 900_000
WALK_BYTES = 1_600_000
TIMELINE_BYTES = 2_200_000
MOST_PIXELS = 40_000_000
"""Of a picture that is opened; with the budgets this keeps the page below 8 MB."""
SHOWN = 12
LONGEST_NAME = 300
"""Letters of a file's name in a note."""
LOSSY = {"format": "JPEG", "quality": 88}
FAILURES = (OSError, ValueError, SyntaxError, EOFError, MemoryError)
"""What Pillow raises for files that are not, or not wholly, pictures."""


@dataclass(frozen=True)
class Picture:
    """A picture for the page: a data URI, its size in pixels there, and whether it was reduced."""

    uri: str
    width: int
    height: int
    name: str
    is_reduced: bool = False
    images_seen: int = 0


def timeline(record: RunRecord, problems: list[str]) -> list[Picture]:
    """The sample pictures through time, at most SHOWN: the first, the last and log-spaced ones between."""
    files = sample_files(record, problems)
    chosen = [sorted(files)[i] for i in log_spaced(sorted(files), SHOWN)]
    budget = TIMELINE_BYTES // max(1, len(chosen))
    pictures = [picture(record.directory, files[seen], budget, problems, seen) for seen in chosen]
    return [found for found in pictures if found]


def final_samples(record: RunRecord, problems: list[str]) -> Picture | None:
    """The last sample picture that can be read."""
    files = sample_files(record, [])
    for seen in sorted(files, reverse=True):
        found = picture(record.directory, files[seen], HERO_BYTES, problems, seen)
        if found:
            return found
    return None


def sample_files(record: RunRecord, problems: list[str]) -> dict[int, str]:
    """File by images seen: as the events tell; without such events, as the names in samples/ do."""
    told = {event["images_seen"]: str(event.get("file", "")) for event in record.of_kind("samples")}
    if not told:
        found = sorted((record.directory / "samples").glob("images-*.png"))
        return {int(m[1]): f"samples/{m[0]}" for path in found if (m := re.fullmatch(r"images-(\d+)\.png", path.name))}
    present = {seen: name for seen, name in told.items() if is_inside(record.directory, name)}
    lost = [name for seen, name in told.items() if seen not in present]
    if lost:
        problems.append(f"{len(lost)} of {len(told)} sample pictures are missing (first: {lost[0] or 'no name'}).")
    return present


def log_spaced(moments: list[int], count: int) -> list[int]:
    """Indices of at most `count` moments: the first, the last, and those nearest to log-spaced ones between."""
    if len(moments) <= count:
        return list(range(len(moments)))
    later = np.array(moments[1:], float)
    wanted = np.geomspace(later[0], later[-1], count - 1)
    chosen = {0, len(moments) - 1, *(1 + int(np.abs(later - w).argmin()) for w in wanted)}
    missing = sorted(set(np.linspace(0, len(moments) - 1, 2 * count).astype(int).tolist()) - chosen)
    spread = sorted(missing, key=lambda i: -min(abs(i - c) for c in chosen))
    return sorted(chosen | set(spread[: count - len(chosen)]))


def is_inside(directory: Path, name: str) -> bool:
    """Whether the name is that of a file inside the run directory."""
    try:
        path = (directory / name).resolve()
        return path.is_relative_to(directory.resolve()) and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def named_picture(record: RunRecord, directory: str, name: object, budget: int) -> Picture | None:
    """The picture that a record in a directory of the run names beside itself; None, a problem noted, if it is gone."""
    if not isinstance(name, str):
        return None
    path = f"{directory}/{name}"
    if not is_inside(record.directory, path):
        record.problems.append(f"{path[:LONGEST_NAME]} is missing.")
        return None
    return picture(record.directory, path, budget, record.problems)


def picture(directory: Path, name: str, budget: int, problems: list[str], images_seen: int = 0) -> Picture | None:
    """The PNG as it is, or a reduced copy where it is over its budget; None, with a problem noted, if unreadable."""
    from PIL import Image

    path = directory / name
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            _check_size(image)
            image.load()
            if len(content) <= budget:
                return Picture(_uri("png", content), *image.size, name, images_seen=images_seen)
            content, (width, height) = _reduced(image.convert("RGB"), budget)
    except (*FAILURES, Image.DecompressionBombError) as error:
        problems.append(_unreadable(name, error))
        return None
    return Picture(_uri("jpeg", content), width, height, name, True, images_seen)


def walk(directory: Path, problems: list[str], name: str = "samples/walk.gif") -> Picture | None:
    """The latent walk as it is, or smaller and with fewer frames; None if there is none."""
    from PIL import Image

    path = directory / name
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content), formats=["GIF"]) as image:
            _check_size(image)
            if len(content) <= WALK_BYTES:
                image.load()
                return Picture(_uri("gif", content), *image.size, name)
            content, (width, height) = _reduced_walk(image, len(content))
    except (*FAILURES, Image.DecompressionBombError) as error:
        problems.append(_unreadable(name, error))
        return None
    return Picture(_uri("gif", content), width, height, name, True)


def _check_size(image: "Image.Image") -> None:
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width}x{image.height} pixels are too many to show")


def _reduced(image: "Image.Image", budget: int) -> tuple[bytes, tuple[int, int]]:
    while True:
        stream = BytesIO()
        image.save(stream, **LOSSY)
        if stream.tell() <= budget or min(image.size) < 64:
            return stream.getvalue(), image.size
        image = _scaled(image, min(0.85, (budget / stream.tell()) ** 0.5))


def _reduced_walk(image: "Image.Image", size: int) -> tuple[bytes, tuple[int, int]]:
    """Every second frame at most is dropped, and the frames are scaled, until the walk fits its budget."""
    every = 2 if getattr(image, "n_frames", 1) > 30 else 1
    duration = every * image.info.get("duration", 80)
    frames = []
    for index in range(0, getattr(image, "n_frames", 1), every):
        image.seek(index)
        frames.append(image.convert("RGB"))
    factor = min(1.0, (WALK_BYTES * every / size) ** 0.5)
    while True:
        small = [_scaled(frame, factor).quantize(128) for frame in frames]
        stream = BytesIO()
        small[0].save(stream, "GIF", save_all=True, append_images=small[1:], duration=duration, loop=0, optimize=True)
        if stream.tell() <= WALK_BYTES or min(small[0].size) < 48:
            return stream.getvalue(), small[0].size
        factor *= min(0.85, (WALK_BYTES / stream.tell()) ** 0.5)


def _scaled(image: "Image.Image", factor: float) -> "Image.Image":
    return (
        image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor)))) if factor < 1 else image
    )


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def _unreadable(name: str, error: BaseException) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its message holds an address in memory
        return f"{name} cannot be shown: it is no picture."
    if isinstance(error, FileNotFoundError):
        return f"{name} is missing."
    return f"{name} cannot be shown ({type(error).__name__}: {str(error)[:120]})."
