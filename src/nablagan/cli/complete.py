"""`nablagan complete`: the missing pixels of picture files, painted by a trained run."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nablagan.cli import picturing

if TYPE_CHECKING:
    from nablagan.imaging.jobs import Job
    from nablagan.imaging.pictures import Picture

HELP = "paint the missing pixels of pictures with a trained run; all other pixels stay as they are, to the bit"
EPILOG = """examples:
  nablagan complete runs/00001-photos-complete photo.png --box 40,60,128,96 --out whole.png
  nablagan complete runs/00001-photos-complete photo.jpg --mask hole.png --count 4 --out completed
  nablagan complete runs/00001-photos-complete photos/ --mask masks/ --out completed

A mask is a picture of the same size, white where pixels are missing; for a folder of pictures, one file, or a folder
with masks of the same names. Results are PNG (TIFF for floats) where the input's own format loses anything. Files that
cannot be used are counted and named, the others done; the exit code is 2 then."""
Box = tuple[int, int, int, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that `nablagan train complete` wrote")
    parser.add_argument("inputs", type=Path, nargs="+", metavar="IMAGE", help="picture files, or folders of them")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--mask", type=Path, metavar="MASK", help="white where pixels are missing: a file or a folder")
    group.add_argument(
        "--box", type=box, action="append", metavar="X,Y,W,H", help="what is missing, from the top left; repeatable"
    )
    parser.add_argument("--out", type=Path, default=Path("completed"), metavar="FILE|DIR", help="where to")
    picturing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore, complete, write; 0. InputError goes to the caller."""
    from nablagan.cli.display import data_progress
    from nablagan.data.masks import read_mask
    from nablagan.imaging.applying import completed
    from nablagan.imaging.jobs import below, carry_out, jobs_of
    from nablagan.imaging.masks import boxes, mask_of, told_of
    from nablagan.imaging.pictures import SUFFIXES
    from nablagan.training.engine import engine

    jobs, tiling = jobs_of(arguments.inputs), picturing.tiling_of(arguments)
    is_file = arguments.out.suffix.lower() in SUFFIXES and not arguments.out.is_dir()
    _check_out(arguments, is_file, len(jobs))
    with engine(arguments.device) as here, data_progress(quiet=arguments.json) as progress:
        completer = picturing.opened(arguments, here.device)
        latents = picturing.latents_of(arguments, completer.latent_size)
        tiles, told = picturing.reporters(progress, len(jobs))

        def work(job: "Job", picture: "Picture") -> tuple[list["Picture"], tuple[str, ...]]:
            mask, size = arguments.mask, picture.size
            missing = boxes(arguments.box, size) if mask is None else read_mask(mask_of(job, mask), *size)
            results = [completed(completer, picture, missing, latent, tiling, tiles) for latent in latents]
            return results, (*told_of(missing), *_loss(arguments.out if is_file else None))

        out = (lambda job, picture: arguments.out) if is_file else below(arguments.out, exactly=True)
        account = carry_out(jobs, out, work, told)
    return picturing.tell(arguments, account)


def box(text: str) -> Box:
    """x, y, width, height in pixels."""
    try:
        x, y, width, height = (int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a box such as 40,60,128,96 (x,y,width,height)") from None
    return x, y, width, height


def _check_out(arguments: argparse.Namespace, is_file: bool, count: int) -> None:
    from nablagan.types import InputError

    if is_file and count > 1:
        raise InputError(f"--out {arguments.out} is one file, and there are {count} pictures: give a directory")


def _loss(file: Path | None) -> tuple[str, ...]:
    """What a format that loses something does to known pixels."""
    from nablagan.imaging.pictures import LOSSY, format_of

    if file is None or format_of(file) not in LOSSY:
        return ()
    return (f"{file.suffix} changes known pixels a little; name it .png to keep them to the bit",)
