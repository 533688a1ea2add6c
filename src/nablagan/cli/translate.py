"""`nablagan translate`: picture files through a trained translator."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nablagan.cli import picturing

if TYPE_CHECKING:
    from nablagan.imaging.jobs import Job
    from nablagan.imaging.pictures import Picture

HELP = "translate picture files or folders with a trained run; names, sizes, depth and transparency are kept"
EPILOG = """examples:
  nablagan translate runs/00001-edges-translate drawing.png --out painted
  nablagan translate runs/00001-horses-cyclegan photos/ more/one.jpg --direction backward
  nablagan translate runs/00001-edges-translate drawing.png --count 8 --seed 1    (a run with latents)

Large pictures are worked on in overlapping tiles. Files that cannot be used are counted and named, the others done;
the exit code is 2 then. Pictures are written upright; GIF and palettes become PNG with colours."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that `nablagan train translate` wrote")
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="picture files, or folders of them")
    parser.add_argument("--out", type=Path, default=Path("translated"), metavar="DIR", help="where to")
    parser.add_argument(
        "--direction",
        choices=("forward", "backward"),
        default="forward",
        help="backward: from targets to sources, of a run that learnt both ways",
    )
    picturing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore, translate, write; 0. InputError goes to the caller."""
    from nablagan.cli.display import data_progress
    from nablagan.imaging.applying import translated
    from nablagan.imaging.jobs import below, carry_out, jobs_of
    from nablagan.training.engine import engine

    jobs, tiling = jobs_of(arguments.inputs), picturing.tiling_of(arguments)
    with engine(arguments.device) as here, data_progress(quiet=arguments.json) as progress:
        translator = picturing.opened(arguments, here.device, arguments.direction == "backward")
        latents = picturing.latents_of(arguments, translator.latent_size)
        tiles, told = picturing.reporters(progress, len(jobs))

        def work(job: "Job", picture: "Picture") -> tuple[list["Picture"], tuple[str, ...]]:
            return [translated(translator, picture, latent, tiling, tiles) for latent in latents], ()

        account = carry_out(jobs, below(arguments.out), work, told)
    return picturing.tell(arguments, account)
