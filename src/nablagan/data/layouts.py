"""Where pairs lie: two folders, files side by side, a table; found by names alone."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from nablagan.data.decode import BadFile
from nablagan.data.listing import SPLITS, Listing, depth_of, printable, read_file
from nablagan.data.rows import Rows
from nablagan.types import InputError

MASK_FOLDERS = (("images", "masks"), ("image", "mask"))
SAMPLE_COLUMNS = ("target", "sample", "image")
"""What the column of the pictures that a generator makes may be called."""
NO_PARTNER = "without a partner in the other folder"


def pair_folders(split: str) -> tuple[tuple[str, str], ...]:
    """The names that a folder of sources and one of samples may have: those of pix2pix and CycleGAN, and plain ones."""
    return (("A", "B"), (f"{split}A", f"{split}B"), ("source", "target"), ("sources", "targets"))


def found_folders(listing: Listing, names: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The first two folders of those names that are there, as the listing spells them; None without any."""
    by_name = {_last(folder): folder for folder in _folders(listing)}
    for first, second in names:
        if first.lower() in by_name and second.lower() in by_name:
            return by_name[first.lower()], by_name[second.lower()]
    return None


def check_partner(listing: Listing, names: Iterable[tuple[str, str]]) -> None:
    """InputError when everything lies in a folder that is one of two."""
    folders = _folders(listing)
    for names_of_two in names:
        if len(folders) == 1 and _last(folders[0]) in [name.lower() for name in names_of_two]:
            there = printable(folders[0])
            raise InputError(f"{listing.source} has images in {there} alone; give it {' and '.join(names_of_two)}")


def check_elsewhere(listing: Listing, names: Iterable[tuple[str, str]], wanted: tuple[str, str]) -> None:
    """InputError where two folders of those names are there, but of another split, or not beside each other on top.

    Else their pictures would be taken for something else.
    """
    inner = {part.lower(): part for file in listing.files for part in file.split("/")[:-1]}
    for first, second in names:
        if first.lower() in inner and second.lower() in inner:
            there = f"{printable(inner[first.lower()])} and {printable(inner[second.lower()])}"
            raise InputError(
                f"{listing.source} has folders {there}, but no {wanted[0]} and {wanted[1]} beside each other on top: "
                "give the folder that holds the two, or another split"
            )


def of_split(listing: Listing, split: str) -> Listing:
    """The files below a folder called `split`, if the listing has folders of several splits; else all.

    The others count as ignored. Raises InputError when that split is not among them.
    """
    places = [[part.lower() for part in file.split("/")[:-1] if part.lower() in SPLITS] for file in listing.files]
    found = sorted({place for inner in places for place in inner})
    if len(found) < 2:
        return listing
    if split.lower() not in found:
        raise InputError(f"{listing.source} holds the splits {', '.join(found)} and no {printable(split)}; choose one")
    files = tuple(file for file, inner in zip(listing.files, places, strict=True) if inner == [split.lower()])
    others = len(listing.files) - len(files)
    return replace(listing, files=files, ignored=listing.ignored | {f"not of the split {split}": others})


def paired_rows(listing: Listing, folders: tuple[str, str], limit_bad: float) -> Rows:
    """`matched_rows` of sources and samples.

    InputError where no file has a partner, or more lack one than are in pairs and than the limit allows.
    """
    rows = matched_rows(listing, folders)
    lonely, matched = len(rows.bad.get(NO_PARTNER, ())), 2 * len(rows.files)
    if not matched or (lonely > matched and lonely > limit_bad * (lonely + len(rows.files))):
        raise InputError(
            f"{listing.source}: {lonely} files of {folders[0]} and {folders[1]} have no partner of equal name; give "
            "pairs equal names, take them as two sets in no order with --unpaired (paired=False), or leave the files "
            "without one out with --limit-bad 1"
        )
    return rows


def matched_rows(listing: Listing, folders: tuple[str, str], suffix: str = "") -> Rows:
    """Pairs of files whose names below the two folders are equal, whatever their format.

    `suffix` may follow the name in the second folder. Files without a partner, and two files of one name, are bad.
    """
    first, second = _named(listing, folders[0]), _named(listing, folders[1], suffix)
    bad: dict[str, list[str]] = {}
    files = []
    for name in sorted(first.keys() | second.keys()):
        both = [*first.get(name, ()), *second.get(name, ())]
        if len(both) == 2 and name in first and name in second:
            files.append((both[0], both[1]))
        else:
            reason = "of the same name as another" if len(both) > 1 else NO_PARTNER
            bad.setdefault(reason, []).extend(map(printable, both))
    return Rows(listing.source, listing.name, tuple(files), listing.read, bad, _ignored(listing, folders))


def side_by_side_rows(listing: Listing) -> Rows:
    """Each file holds a source on the left and its sample on the right."""
    return Rows(
        listing.source, listing.name, tuple((file,) for file in listing.files), listing.read, {}, listing.ignored
    )


def domain_rows(listing: Listing, folder: str, folders: tuple[str, str]) -> Rows:
    """The files of one of two folders, each a row of its own."""
    files = tuple((file,) for file in listing.files if file.startswith(folder + "/"))
    source = f"{listing.source}/{folder}"
    return Rows(source, listing.name, files, listing.read, {}, _ignored(listing, folders))


def table_rows(path: Path, columns: tuple[tuple[str, ...], ...]) -> Rows:
    """The rows of a CSV file with a header; `columns` are the names that each part's column may have.

    Paths are relative to the file. Rows with an empty cell are bad.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); save it as UTF-8 text") from error
    header = {(name or "").strip().lower(): name for name in (table[0] if table else {})}
    chosen = [_column(path, header, names) for names in columns]
    files, bad = [], {}
    for number, line in enumerate(table, 2):
        cells = tuple((line[name] or "").strip() for name in chosen)
        if all(cells):
            files.append(cells)
        else:
            bad.setdefault("with an empty cell", []).append(f"row {number}")
    if not files:
        raise InputError(f"{path} has no complete row; give {', '.join(names[0] for names in columns)}")
    return Rows(printable(str(path)), printable(path.stem), tuple(files), _reader(path.parent), bad)


def has_column(path: Path, name: str) -> bool:
    """Whether the first line of a CSV file names a column."""
    return name in column_names(path)


def column_names(path: Path) -> list[str]:
    """What the first line of a CSV file names, in lower case. InputError for what is no CSV."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return [cell.strip().lower() for cell in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); save it as UTF-8 text") from error


def _folders(listing: Listing) -> list[str]:
    """The folders that hold everything but what is round all of it; the one round everything if there is no other."""
    depth = depth_of(listing.files)
    parts = [name.split("/") for name in listing.files]
    below = sorted({"/".join(part[: depth + 1]) for part in parts if len(part) > depth + 1})
    return below or (["/".join(parts[0][:depth])] if depth else [])


def _last(folder: str) -> str:
    return folder.rsplit("/", 1)[-1].lower()


def _named(listing: Listing, folder: str, suffix: str = "") -> dict[str, list[str]]:
    """The files of a folder by their names below it, without the format and a suffix before it."""
    found: dict[str, list[str]] = {}
    for file in listing.files:
        if file.startswith(folder + "/"):
            inner = file.removeprefix(folder + "/")
            found.setdefault(inner.rsplit(".", 1)[0].removesuffix(suffix), []).append(file)
    return found


def _ignored(listing: Listing, folders: tuple[str, str]) -> dict[str, int]:
    beside = sum(not file.startswith((folders[0] + "/", folders[1] + "/")) for file in listing.files)
    return listing.ignored | ({f"beside {folders[0]} and {folders[1]}": beside} if beside else {})


def _column(path: Path, header: dict[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in header:
            return header[name]
    there = ", ".join(map(printable, header)) or "nothing"
    raise InputError(f"{path} has no column {names[0]} but {there}; its first line must name the columns")


def _reader(folder: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        if not (folder / name).exists():
            raise BadFile("missing")
        return read_file(folder / name)

    return read
