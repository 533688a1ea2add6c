"""Image files to a data set: hash all, look in the cache, else decode all and count the bad ones."""

import hashlib
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nablagan.data import cache as cache_files
from nablagan.data.arrays import check_count, class_counts
from nablagan.data.dataset import Dataset
from nablagan.data.decode import BadFile, Decoded, Header, decode, read_header
from nablagan.data.fitting import PIXELS_VERSION
from nablagan.data.hashing import hash_of_json
from nablagan.data.listing import Listing, depth_of, labels_of, printable
from nablagan.data.parallel import BLOCK_ITEMS, in_order
from nablagan.data.policy import Policy, Request, policy_for_pictures
from nablagan.types import InputError

Progress = Callable[[int, int, str], None] | None
BLOCK_BYTES = 1 << 26


def open_pictures(listing: Listing, request: Request, cache: Path, limit_bad: float, progress: Progress) -> Dataset:
    """The data set of a listing's good files; InputError if more than `limit_bad` of them are bad."""
    classes, labels = labels_of(listing.source, listing.files)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # what Pillow finds odd is counted, or does no harm
        content = _content(listing, progress)
        key = hash_of_json([content, request, PIXELS_VERSION])
        entry = cache_files.load(cache, key) or _decoded(listing, request, labels, cache, key, progress)
    about = entry.description
    check_bad(listing.source, len(listing.files), about["bad"], limit_bad)
    check_count(len(entry.samples), listing.source)
    policy = Policy(**about["policy"])
    fingerprint = hash_of_json([content, len(entry.samples), policy.height, policy.width, policy.channels, policy.fit])
    description = {
        "name": listing.name,
        "source": listing.source,
        "count": len(entry.samples),
        "classes": list(classes),
        "class_counts": class_counts(entry.labels, classes),
        "content": content,
        "fingerprint": fingerprint,
        "kind": "images",
        "shape": [policy.channels, policy.height, policy.width],
        "ignored": listing.ignored,
        **about,
    }
    return Dataset(listing.name, entry.samples, entry.labels, classes, fingerprint, description)


@dataclass
class Account:
    """What was seen while decoding: good rows, bad ones by reason, sizes, conversions."""

    good: list[int] = field(default_factory=list)
    bad: dict[str, list[str]] = field(default_factory=dict)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    conversions: Counter[str] = field(default_factory=Counter)

    def note(self, index: int, name: str, result: Decoded | BadFile) -> np.ndarray | None:
        """The pixels of a good one; the bad one is counted."""
        if isinstance(result, BadFile):
            self.bad.setdefault(result.reason, []).append(printable(name))
            return None
        self.good.append(index)
        self.sizes[result.size] += 1
        self.conversions.update(result.conversions)
        return result.pixels

    def as_json(self, policy: Policy) -> dict[str, Any]:
        """The account as plain JSON, with the policy."""
        common = {f"{height}x{width}": count for (height, width), count in self.sizes.most_common(8)}
        rest = sum(self.sizes.values()) - sum(common.values())
        return {
            "policy": policy.as_json(),
            "sizes": common | ({"other sizes": rest} if rest else {}),
            "converted": dict(sorted(self.conversions.items())),
            "bad": dict(sorted(self.bad.items())),
            "bad_count": sum(map(len, self.bad.values())),
        }


def _content(listing: Listing, progress: Progress) -> str:
    """sha256 over every candidate's name (below what holds all) and bytes, or why it cannot be read."""

    def digest_of(name: str) -> bytes:
        data = attempt(listing.read, name)
        return data.reason.encode() if isinstance(data, BadFile) else hashlib.sha256(data).digest()

    digest = hashlib.sha256()
    digests = (one for block in in_order(digest_of, listing.files, progress, "reading") for one in block)
    depth = depth_of(listing.files)
    for name, one in zip(listing.files, digests, strict=True):
        inner = name.split("/", depth)[-1]
        digest.update(inner.encode("utf-8", "surrogateescape") + b"\0" + one)
    return digest.hexdigest()


def _decoded(
    listing: Listing, request: Request, labels: list[int], cache: Path, key: str, progress: Progress
) -> cache_files.Entry:
    """Decode every file to the policy that their headers suggest, into the cache."""
    policy = _policy(listing, request, progress)
    account = Account()
    row_shape = (policy.channels, policy.height, policy.width)

    def finish() -> tuple[np.ndarray | None, dict[str, Any]]:
        if not account.good:
            raise InputError(
                f"{bad_line(listing.source, len(listing.files), account.bad)}; none is left, so give other files"
            )
        kept = np.array(labels, np.int64)[account.good] if labels else None
        return kept, account.as_json(policy)

    blocks = _decoded_blocks(listing, policy, account, progress)
    return cache_files.store(cache, key, row_shape, blocks, finish)


def _policy(listing: Listing, request: Request, progress: Progress) -> Policy:
    sizes: Counter[tuple[int, int]] = Counter()
    all_grey = True

    def header_of(name: str) -> Header | BadFile:
        return attempt(lambda name: read_header(listing.read(name)), name)

    for block in in_order(header_of, listing.files, progress, "headers"):
        for header in block:
            if isinstance(header, Header):
                sizes[header.size] += 1
                all_grey = all_grey and header.is_grey
    return policy_for_pictures(request, sizes or Counter({(8, 8): 1}), all_grey)


def _decoded_blocks(listing: Listing, policy: Policy, account: Account, progress: Progress) -> Iterator[np.ndarray]:
    def decoded(name: str) -> Decoded | BadFile:
        return attempt(lambda name: decode(listing.read(name), policy), name)

    row_bytes = policy.channels * policy.height * policy.width
    block_items = max(1, min(BLOCK_ITEMS, BLOCK_BYTES // row_bytes))
    index = 0
    for block in in_order(decoded, listing.files, progress, "decoding", block_items):
        rows = []
        for result in block:
            pixels = account.note(index, listing.files[index], result)
            rows += [] if pixels is None else [pixels]
            index += 1
        if rows:
            yield np.stack(rows)


def attempt(function: Callable[[Any], Any], name: Any) -> Any:
    """The function's result, or the BadFile that it raised, so that one bad file stops no thread."""
    try:
        return function(name)
    except BadFile as bad:
        return bad


def check_bad(source: str, total: int, bad: dict[str, list[str]], limit_bad: float) -> None:
    """InputError when more than `limit_bad` of all the files are bad, with the reasons and a few names."""
    part = sum(map(len, bad.values())) / total
    if part > limit_bad:
        enough = min(1.0, math.ceil(part * 1000) / 1000)
        raise InputError(
            f"{bad_line(source, total, bad)}; {part:.1%} is over the limit of {limit_bad:.1%}: repair or remove "
            f"them, or allow them with --limit-bad {enough:g}"
        )


def bad_line(source: str, total: int, bad: dict[str, list[str]]) -> str:
    """How many files are bad, why, and the names of a few."""
    reasons = "; ".join(
        f"{len(names)} {reason} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for reason, names in sorted(bad.items(), key=lambda item: -len(item[1]))
    )
    count = sum(map(len, bad.values()))
    return f"{count} of {total} files in {source} are unusable: {reasons}"
