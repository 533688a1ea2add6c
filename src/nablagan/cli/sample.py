"""`nablagan sample`: pictures from a trained generator."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import checkpoint_of

if TYPE_CHECKING:
    from nablagan.training.restore import Trained

HELP = "draw samples from a trained generator: PNG files and one grid; same seed, same bytes"
EPILOG = """examples:
  nablagan sample runs/00001-digits-strided --count 64 --seed 1 --out samples
  nablagan sample runs/00001-digits-strided --class 3 --out threes
  nablagan sample runs/00001-digits-strided --ema 1280 --checkpoint checkpoints/images-000064000"""
AT_ONCE = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory that `nablagan train` wrote")
    parser.add_argument("--count", type=int, default=64, metavar="N", help="samples to draw (default 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of the latents (default 0)")
    parser.add_argument("--class", dest="class_", metavar="C", help="name or index of one class (default: in turn)")
    parser.add_argument("--out", type=Path, default=Path("samples"), metavar="DIR", help="where to (default samples)")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="a checkpoint of the run (default the newest)")
    parser.add_argument(
        "--ema", type=int, metavar="N", help="which average, by half-life in images (default the first)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(arguments: argparse.Namespace) -> int:
    """Restore, sample, write; 0. InputError goes to the caller."""
    from nablagan.training.restore import load_generator
    from nablagan.types import InputError

    checkpoint = arguments.checkpoint and checkpoint_of(arguments.run, arguments.checkpoint)
    trained = load_generator(arguments.run, checkpoint, arguments.ema)
    label = None if arguments.class_ is None else class_index(trained, arguments.class_)
    samples = trained.samples(arguments.count, arguments.seed, label)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        files = (_write_images if samples.ndim == 4 else _write_points)(samples, arguments.out)
    except OSError as error:
        raise InputError(f"cannot write to {arguments.out}: {error.strerror}; choose another --out") from error
    _tell(arguments, trained, files)
    return 0


def class_index(trained: "Trained", text: str) -> int:
    """The class with this name, else with this index. InputError if there is none."""
    from nablagan.types import InputError

    if text in trained.classes:
        return trained.classes.index(text)
    if text.isdecimal() and int(text) < len(trained.classes):
        return int(text)
    known = ", ".join(trained.classes[:12]) + (", ..." if len(trained.classes) > 12 else "")
    raise InputError(f"no class '{text}': this run has {known or 'no classes'}")


def _write_images(samples: Any, out: Path) -> list[Path]:
    """One PNG a sample and grid.png; samples.npy, uint8 (N, C, H, W), where a PNG does not show every channel."""
    import numpy as np

    from nablagan.cli.display import data_progress
    from nablagan.data import picture_grid, to_uint8

    files, digits = [], len(str(len(samples) - 1))
    with data_progress() as progress:
        for start in range(0, len(samples), AT_ONCE):
            for index, pixels in enumerate(to_uint8(samples[start : start + AT_ONCE]), start):
                files.append(out / f"{index:0{max(digits, 3)}d}.png")
                _picture(pixels).save(files[-1])
            if progress:
                progress(len(files), len(samples), "writing")
    if samples.shape[1] not in (1, 3):
        files.append(out / "samples.npy")
        np.save(files[-1], to_uint8(samples))
    picture_grid(samples[:400]).save(out / "grid.png")
    return [*files, out / "grid.png"]


def _picture(pixels: Any) -> Any:
    """A PIL image of (channels, height, width): grey for one or two channels, else the first three as RGB."""
    from PIL import Image

    return Image.fromarray(pixels[0] if len(pixels) < 3 else pixels[:3].transpose(1, 2, 0).copy())


def _write_points(samples: Any, out: Path) -> list[Path]:
    """points.npy and a scatter plot."""
    import numpy as np

    from nablagan.data import scatter_picture

    np.save(out / "points.npy", samples.numpy())
    scatter_picture(samples).save(out / "points.png")
    return [out / "points.npy", out / "points.png"]


def _tell(arguments: argparse.Namespace, trained: "Trained", files: list[Path]) -> None:
    if arguments.json:
        import json

        content = {"out": str(arguments.out), "files": [file.name for file in files], "seed": arguments.seed}
        print(json.dumps(content | {"images_seen": trained.images_seen}))
        return
    print(f"{arguments.count} samples of the generator at {trained.images_seen:,} images", file=sys.stderr)
    print(files[-1])
