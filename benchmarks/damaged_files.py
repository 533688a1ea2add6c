"""What becomes of damaged image files: no crash, each counted by reason, good ones with the same pixels.

    python benchmarks/damaged_files.py [--count 500] [--seed 0] [--json]

Real digits and made RGB photos are written in seven formats and damaged in the ways of `KINDS`. The files of a kind are
opened together with eight whole ones, once as a folder and once as a zip. A file that still decodes is compared with
the pixels it was made of; formats without a checksum (BMP, PPM, TIFF, JPEG) cannot tell that a byte of a pixel changed.
"""

import argparse
import io
import json
import struct
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nablagan.data import open_dataset

SIDE = 32
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "gif": "GIF", "ppm": "PPM"}
WHOLE_COUNT = 8
Random = np.random.Generator
Made = tuple[str, bytes]
"""Suffix and content of a file."""


def encoded(picture: Image.Image, suffix: str, **options: Any) -> bytes:
    """The bytes of a file; lossless where the format can."""
    stream = io.BytesIO()
    best = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(FORMATS[suffix], {})
    picture.save(stream, FORMATS[suffix], **best, **options)
    return stream.getvalue()


def pictures() -> list[Image.Image]:
    """100 real digits, in grey, and 100 made photos, in colour: 32 x 32."""
    digits = open_dataset("builtin:digits").samples[:100, 0]
    random = np.random.default_rng(0)
    photos = [Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8)) for _ in range(100)]
    return [*map(Image.fromarray, digits), *(p.resize((SIDE, SIDE), Image.Resampling.BICUBIC) for p in photos)]


def any_file(picture: Image.Image, random: Random) -> Made:
    suffix = str(random.choice(list(FORMATS)))
    return suffix, encoded(picture, suffix)


def truncated(picture: Image.Image, random: Random) -> Made:
    suffix, data = any_file(picture, random)
    return suffix, data[: len(data) * 5 * int(random.integers(1, 20)) // 100]


def flipped(picture: Image.Image, random: Random) -> Made:
    suffix, data = any_file(picture, random)
    changed = bytearray(data)
    for place in random.integers(0, len(data), random.integers(1, 9)):
        changed[place] ^= int(random.integers(1, 256))
    return suffix, bytes(changed)


def zero_bytes(picture: Image.Image, random: Random) -> Made:
    suffix, data = any_file(picture, random)
    start = int(random.integers(0, len(data)))
    return suffix, data[:start] + bytes(len(data) - start)


def empty(picture: Image.Image, random: Random) -> Made:
    return str(random.choice(list(FORMATS))), b""


def wrong_extension(picture: Image.Image, random: Random) -> Made:
    return str(random.choice(list(FORMATS))), any_file(picture, random)[1]


def no_image(picture: Image.Image, random: Random) -> Made:
    return str(random.choice(list(FORMATS))), random.bytes(int(random.integers(1, 3000)))


def sixteen_bits(picture: Image.Image, random: Random) -> Made:
    values = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    suffix = str(random.choice(["png", "tif", "ppm"]))
    return suffix, encoded(Image.fromarray(values), suffix)


def cmyk(picture: Image.Image, random: Random) -> Made:
    return "tif", encoded(picture.convert("CMYK"), "tif")


def palette(picture: Image.Image, random: Random) -> Made:
    suffix = str(random.choice(["png", "gif", "bmp"]))
    return suffix, encoded(picture.convert("L").convert("P"), suffix)


def grey_and_alpha(picture: Image.Image, random: Random) -> Made:
    return "png", encoded(picture.convert("LA"), "png")


def turned(picture: Image.Image, random: Random) -> Made:
    """Stored upside down, which EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 3
    suffix = str(random.choice(["png", "tif", "webp"]))
    return suffix, encoded(picture.transpose(Image.Transpose.ROTATE_180), suffix, exif=exif)


def animated(picture: Image.Image, random: Random) -> Made:
    black = Image.new(picture.mode, picture.size)
    suffix = str(random.choice(["png", "webp", "tif"]))
    return suffix, encoded(picture, suffix, save_all=True, append_images=[black])


def giant_header(picture: Image.Image, random: Random) -> Made:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    return "png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))


def text_bomb(picture: Image.Image, random: Random) -> Made:
    """A comment that unpacks to 32 MiB, before the pixels."""
    data = encoded(picture, "png")
    return "png", data[:33] + chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(32 << 20), 1)) + data[33:]


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


KINDS: dict[Callable[[Image.Image, Random], Made], bool | None] = {
    truncated: None,
    flipped: None,
    zero_bytes: None,
    empty: False,
    wrong_extension: True,
    no_image: False,
    sixteen_bits: True,
    cmyk: True,
    palette: True,
    grey_and_alpha: True,
    turned: True,
    animated: True,
    giant_header: False,
    text_bomb: None,
}
"""Each kind, and whether its files are good; None where damage may miss what matters."""
WEIGHTS = {truncated: 6, flipped: 6, zero_bytes: 3, wrong_extension: 2}


def opened(files: dict[str, bytes], folder: Path, cache: Path) -> tuple[Any, str | None]:
    """The data set of the files, in a folder and in a zip, and what crashed, if anything did."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    archive_path = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive_path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    try:
        wanted: dict[str, Any] = {"resolution": SIDE, "channels": 3, "cache": cache, "limit_bad": 1.0}
        dataset, zipped = open_dataset(folder, **wanted), open_dataset(archive_path, **wanted)
        assert dataset.fingerprint == zipped.fingerprint
    except Exception as error:  # a crash is what is looked for, InputError included: eight files are good
        return None, f"{type(error).__name__}: {error}"
    return dataset, None


def measure(kind: Callable[[Image.Image, Random], Made], count: int, random: Random, place: Path) -> dict[str, Any]:
    """One row of the table."""
    choice = pictures()
    chosen = [choice[int(random.integers(len(choice)))] for _ in range(count)]
    made = [kind(picture, random) for picture in chosen]
    damaged = {f"damaged-{index:04d}.{suffix}": data for index, (suffix, data) in enumerate(made)}
    whole = {f"whole-{index}.png": encoded(choice[-1 - index], "png") for index in range(WHOLE_COUNT)}
    dataset, crash = opened(damaged | whole, place / kind.__name__, place / "cache")
    row: dict[str, Any] = {"kind": kind.__name__, "files": count, "crash": crash, "reasons": {}, "good": 0, "same": 0}
    if crash:
        return row
    bad = {name: reason for reason, names in dataset.description["bad"].items() for name in names}
    assert not any(name.startswith("whole") for name in bad)
    row["reasons"] = dict(Counter(bad.values()))
    good = [index for index, name in enumerate(damaged) if name not in bad]
    row["good"] = len(good)
    row["same"] = sum(
        looks_like(sample, chosen[index], made[index]) for index, sample in zip(good, dataset.samples, strict=False)
    )
    assert len(dataset) == len(good) + WHOLE_COUNT
    return row


def looks_like(sample: np.ndarray, picture: Image.Image, made: Made) -> bool:
    """True if the decoded sample (3, H, W) is what was encoded: equal, or near for JPEG and 256 colours."""
    shown = np.asarray(picture.convert("RGB")).transpose(2, 0, 1).astype(int)
    grey = np.asarray(picture.convert("L").convert("RGB")).transpose(2, 0, 1).astype(int)
    lossy = made[1][:2] == b"\xff\xd8" or made[1][:3] == b"GIF"
    difference = min(np.abs(sample - other).mean() for other in (shown, grey))
    return bool(difference < 8 if lossy else difference == 0)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text, with a last line of sums."""
    lines = [f"{'kind':16} {'files':>5} {'crashes':>7} {'bad':>5} {'good':>5} {'same pixels':>11}  reasons"]
    rows = [*rows, total(rows)]
    for row in rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(row["reasons"].items()))
        counts = (
            f"{row['files']:5} {row['crashes']:7} {sum(row['reasons'].values()):5} {row['good']:5} {row['same']:11}"
        )
        lines.append(f"{row['kind']:16} {counts}  {row['crash'] or reasons}")
    return "\n".join(lines)


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of all rows."""
    reasons = sum((Counter(row["reasons"]) for row in rows), Counter())
    numbers = {name: sum(row[name] for row in rows) for name in ("files", "crashes", "good", "same")}
    return {"kind": "all", "crash": None, "reasons": dict(reasons), **numbers}


def main() -> int:
    """Measure and print; 1 when something crashed, was not counted, or decoded to other pixels than it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    turns = [kind for kind in KINDS for _ in range(WEIGHTS.get(kind, 1))]
    counts = Counter(turns[index % len(turns)] for index in range(arguments.count))
    random, start = np.random.default_rng(arguments.seed), time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        rows = [measure(kind, count, random, Path(place)) for kind, count in counts.items()]
    for row, kind in zip(rows, counts, strict=True):
        row["crashes"] = int(row["crash"] is not None)
        good = {True: row["files"], False: 0, None: row["good"]}[KINDS[kind]]
        same = row["same"] == row["good"] or KINDS[kind] is None
        row["as expected"] = not row["crashes"] and row["good"] == good and same
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))
    wrong = [row["kind"] for row in rows if not row["as expected"]]
    if not arguments.json:
        print(
            f"{time.perf_counter() - start:.1f} s; "
            + (f"NOT as expected: {', '.join(wrong)}" if wrong else "all as expected")
        )
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
