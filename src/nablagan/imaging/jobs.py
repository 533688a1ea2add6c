"""Many picture files, one after the other: which, under what names they are written, and what went wrong with whom."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from nablagan.imaging.pictures import SUFFIXES, Picture, read_picture, write_picture, written_name
from nablagan.types import InputError


class Job(NamedTuple):
    """A file, and its name below the directory of results."""

    source: Path
    name: Path


class Written(NamedTuple):
    """What was made of a file."""

    source: Path
    outputs: tuple[Path, ...]
    notes: tuple[str, ...]


class Failed(NamedTuple):
    """A file that could not be used, and why."""

    source: Path
    reason: str


@dataclass
class Account:
    """What became of all files."""

    written: list[Written] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    def check(self) -> None:
        """Raise InputError, naming some, if any file could not be used."""
        if self.failed:
            total = len(self.written) + len(self.failed)
            told = "; ".join(each.reason for each in self.failed[:3]) + ("; ..." if len(self.failed) > 3 else "")
            words = "" if total == 1 else f"{len(self.failed)} of {total} files could not be used: "
            raise InputError(f"{words}{told}")


def jobs_of(inputs: Sequence[Path]) -> list[Job]:
    """The files that were named, and those with a picture's suffix in the folders that were, subfolders kept.

    InputError for what is not there, a folder without pictures, and two files of one name.
    """
    jobs = [job for given in inputs for job in _jobs_in(given)]
    names = Counter(job.name for job in jobs)
    for name, count in names.items():
        if count > 1:
            raise InputError(f"{count} inputs are called {name}: give the folder above them, or call more than once")
    return jobs


def carry_out(
    jobs: Iterable[Job],
    out: Callable[[Job, Picture], Path],
    work: Callable[[Job, Picture], tuple[list[Picture], tuple[str, ...]]],
    progress: Callable[[int], None],
) -> Account:
    """Read, work, write each file; a file that cannot be used is counted, and the others are done.

    `work` gives the results of a picture, with notes; `out` the path of the first result, from which several are
    numbered: name-0.png, name-1.png. `progress` is told how many files are done.
    """
    account, taken = Account(), {}
    for index, job in enumerate(jobs):
        try:
            picture = read_picture(job.source)
            results, notes = work(job, picture)
            path = _free(out(job, results[0]), job, taken)
            paths = _numbered(path, len(results))
            for result, each in zip(results, paths, strict=True):
                write_picture(result, each)
            account.written.append(Written(job.source, tuple(paths), (*picture.notes, *notes)))
        except InputError as error:
            account.failed.append(Failed(job.source, str(error)))
        progress(index + 1)
    return account


def below(directory: Path, exactly: bool = False) -> Callable[[Job, Picture], Path]:
    """Writes below a directory, under the own name where that format can hold the result (`written_name`)."""
    return lambda job, picture: directory / written_name(picture, job.name, exactly)


def _jobs_in(given: Path) -> list[Job]:
    if given.is_file():
        return [Job(given, Path(given.name))]
    if not given.is_dir():
        raise InputError(f"{given} is not there: give picture files or folders of them")
    files = sorted(file for file in given.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"{given} has no pictures: their names end in {', '.join(SUFFIXES)}")
    return [Job(file, file.relative_to(given)) for file in files]


def _free(path: Path, job: Job, taken: dict[Path, Path]) -> Path:
    """The path, unless that would overwrite the input or another one's result."""
    if path.resolve() == job.source.resolve():
        raise InputError(f"{job.source} would be overwritten: choose another --out")
    if path in taken:
        raise InputError(f"{job.source}: {path} has been written for {taken[path].name} already: rename one of them")
    taken[path] = job.source
    return path


def _numbered(path: Path, count: int) -> list[Path]:
    digits = len(str(count - 1))
    return [path] if count == 1 else [path.with_name(f"{path.stem}-{i:0{digits}d}{path.suffix}") for i in range(count)]
