"""Pictures that belong together, decoded to rows of one array: source and sample, image and mask."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nablagan.data import cache as cache_files
from nablagan.data.arrays import check_count
from nablagan.data.decode import BadFile, Decoded
from nablagan.data.fitting import PIXELS_VERSION, fit_block
from nablagan.data.hashing import hash_of_json
from nablagan.data.images import BLOCK_BYTES, Account, Progress, attempt, bad_line, check_bad
from nablagan.data.masks import THRESHOLD
from nablagan.data.parallel import BLOCK_ITEMS, in_order
from nablagan.data.pixels import brought_to, picture_pixels, picture_shape
from nablagan.data.policy import Policy, Request, policy_for_pictures
from nablagan.types import InputError

ANOTHER_SIZE = "of another size than its partner"


def _unchanged(images: np.ndarray) -> np.ndarray:
    return images


def binary(images: np.ndarray) -> np.ndarray:
    """uint8: 255 where a mask is lighter than THRESHOLD, else 0."""
    return (images > THRESHOLD) * np.uint8(255)


class Part(NamedTuple):
    """What one picture of a row is: its channels as asked, and what is done to it before and after it is fitted."""

    name: str
    channels: int | None = None
    finish: Callable[[np.ndarray], np.ndarray] = _unchanged


MASK = Part("mask", 1, binary)


@dataclass(frozen=True)
class Rows:
    """The files of each row: one a part, or one that holds two parts side by side; and how to read one."""

    source: str
    name: str
    files: tuple[tuple[str, ...], ...]
    read: Callable[[str], bytes]
    bad: dict[str, list[str]] = field(default_factory=dict)
    """What was wrong before anything was read: names by reason."""
    ignored: dict[str, int] = field(default_factory=dict)


class Opened(NamedTuple):
    """uint8 (N, C, H, W) of each part in their order, and what is known about them."""

    parts: tuple[np.ndarray, ...]
    about: dict[str, Any]


def open_rows(
    rows: Rows, parts: tuple[Part, ...], request: Request, cache: Path, limit_bad: float, progress: Progress
) -> Opened:
    """The parts of all good rows, with the same size and cut; a row is bad when any of its pictures is.

    `about` has what a data set's description holds, but for the shape. Raises InputError if more than `limit_bad` of
    the rows are bad.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # what Pillow finds odd is counted, or does no harm
        content = _content(rows, progress)
        asked = [[part.name, part.channels] for part in parts]
        key = hash_of_json(["rows 1", content, asked, request, PIXELS_VERSION])
        entry = cache_files.load(cache, key) or _decoded(rows, parts, request, cache, key, progress)
    about = dict(entry.description)
    counts = about.pop("part_channels")
    check_bad(rows.source, len(rows.files) + _count(rows.bad), about["bad"], limit_bad)
    check_count(len(entry.samples), rows.source)
    policy = Policy(**about["policy"])
    identity = [content, len(entry.samples), policy.height, policy.width, policy.fit, counts]
    described = {"content": content, "fingerprint": hash_of_json(identity), "ignored": rows.ignored}
    names = {"name": rows.name, "source": rows.source, "count": len(entry.samples), "classes": [], "class_counts": {}}
    places = np.cumsum([0, *counts])
    split = tuple(entry.samples[:, start:stop] for start, stop in pairwise(places))
    return Opened(split, names | described | {"kind": "images"} | about)


def _content(rows: Rows, progress: Progress) -> str:
    """sha256 over every row's names and bytes, or why they cannot be read; a file in two rows counts twice."""

    def digest_of(files: Any) -> bytes:
        digest = hashlib.sha256()
        for name in files:
            data = attempt(rows.read, name)
            told = data.reason.encode() if isinstance(data, BadFile) else hashlib.sha256(data).digest()
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + told)
        return digest.digest()

    whole = hashlib.sha256(hash_of_json(rows.bad).encode())
    for block in in_order(digest_of, rows.files, progress, "reading"):
        whole.update(b"".join(block))
    return whole.hexdigest()


def _decoded(
    rows: Rows, parts: tuple[Part, ...], request: Request, cache: Path, key: str, progress: Progress
) -> cache_files.Entry:
    """Decode every row to the policies that the headers suggest, into the cache."""
    policies = _policies(rows, parts, request, progress)
    account = Account(bad={reason: list(names) for reason, names in rows.bad.items()})
    counts = [policy.channels for policy in policies]
    row_shape = (sum(counts), policies[0].height, policies[0].width)

    def finish() -> tuple[None, dict[str, Any]]:
        if not account.good:
            total = len(rows.files) + _count(rows.bad)
            raise InputError(f"{bad_line(rows.source, total, account.bad)}; none is left, so give other files")
        return None, account.as_json(policies[-1]) | {"part_channels": counts}

    return cache_files.store(cache, key, row_shape, _blocks(rows, parts, policies, account, progress), finish)


def _blocks(
    rows: Rows, parts: tuple[Part, ...], policies: list[Policy], account: Account, progress: Progress
) -> Iterator[np.ndarray]:
    def decoded(files: Any) -> Decoded | BadFile:
        return attempt(lambda files: _decoded_row(rows, parts, policies, files), files)

    row_bytes = sum(policy.channels for policy in policies) * policies[0].height * policies[0].width
    block_items = max(1, min(BLOCK_ITEMS, BLOCK_BYTES // row_bytes))
    index = 0
    for block in in_order(decoded, rows.files, progress, "decoding", block_items):
        kept = [account.note(index + place, rows.files[index + place][0], one) for place, one in enumerate(block)]
        index += len(block)
        if good := [pixels for pixels in kept if pixels is not None]:
            yield np.stack(good)


def _decoded_row(rows: Rows, parts: tuple[Part, ...], policies: list[Policy], files: tuple[str, ...]) -> Decoded:
    """The row's parts one after the other along the channels, all placed alike."""
    read = [picture_pixels(rows.read(name), policy.channels) for name, policy in zip(files, policies, strict=False)]
    conversions = tuple(word for _, words in read for word in words)
    pictures = _halves(read[0][0]) if len(files) < len(parts) else [pixels for pixels, _ in read]
    if len({picture.shape[1:] for picture in pictures}) > 1:
        raise BadFile(ANOTHER_SIZE)
    fitted = []
    for picture, part, policy in zip(pictures, parts, policies, strict=True):
        fitted.append(part.finish(fit_block(part.finish(brought_to(picture, policy.channels))[None], policy)[0]))
    return Decoded(np.concatenate(fitted), pictures[0].shape[1:], conversions)


def _policies(rows: Rows, parts: tuple[Part, ...], request: Request, progress: Progress) -> list[Policy]:
    """One policy a part, which differ in the channels alone."""
    sizes: Counter[tuple[int, int]] = Counter()
    channels: list[Counter[int]] = [Counter() for _ in parts]

    def shapes_of(files: Any) -> list[tuple[int, int, int]] | BadFile:
        return attempt(lambda files: _shapes(rows, files, parts), files)

    for block in in_order(shapes_of, rows.files, progress, "headers"):
        for shapes in block:
            if not isinstance(shapes, BadFile):
                sizes[shapes[0][1:]] += 1
                for counts, (count, _, _) in zip(channels, shapes, strict=True):
                    counts[count] += 1
    policy = policy_for_pictures(request._replace(channels=None), sizes or Counter({(8, 8): 1}), True)
    return [
        replace(policy, channels=part.channels or _common(rows, part, counts))
        for part, counts in zip(parts, channels, strict=True)
    ]


def _shapes(rows: Rows, files: tuple[str, ...], parts: tuple[Part, ...]) -> list[tuple[int, int, int]]:
    shapes = [picture_shape(rows.read(name), part.channels) for name, part in zip(files, parts, strict=False)]
    if len(files) == len(parts):
        return shapes
    ((channels, height, width),) = shapes
    return [(channels, height, _half(width))] * 2


def _common(rows: Rows, part: Part, counts: Counter[int]) -> int:
    """The channels that all pictures of a part can have: colour if some have it, or the one count there is."""
    if set(counts) <= {1, 3}:
        return 3 if counts[3] else 1
    if len(counts) == 1:
        return next(iter(counts))
    found = ", ".join(f"{number} of {count}" for count, number in sorted(counts.items()))
    raise InputError(f"{rows.source}: the {part.name} pictures have different channels ({found}); make them alike")


def _halves(pixels: np.ndarray) -> list[np.ndarray]:
    half = _half(pixels.shape[2])
    return [pixels[:, :, :half], pixels[:, :, half:]]


def _half(width: int) -> int:
    if width % 2:
        raise BadFile("of odd width, so no two pictures side by side")
    return width // 2


def _count(bad: dict[str, list[str]]) -> int:
    return sum(map(len, bad.values()))
