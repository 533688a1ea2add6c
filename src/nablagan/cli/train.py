"""`nablagan train`: train a GAN in a run directory, or go on with one, and write its report."""

import argparse
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import add_data_arguments, named

if TYPE_CHECKING:
    from nablagan.data import Dataset
    from nablagan.recipes import Options
    from nablagan.training.engine import Engine
    from nablagan.training.run import DataSettings, Run
    from nablagan.training.session import Result

HELP = "train a generator and a discriminator, and write a report of what happened"
RECIPES = ("default", "strided", "r3gan", "points")
PENALTY_METHODS = ("double_backward", "aligned_jvp", "aligned_fd", "aligned_central_fd")
EPILOG = """recipes:
  default   points for 2-D points; for images strided on a CPU, r3gan on a GPU
  strided   plain strided convolutions with the R3GAN objective: the most after equal time on a CPU
  r3gan     R3GAN as published: residual grouped convolutions, all schedules
  points    multilayer players for builtin:ring, builtin:grid and your own (N, 2) arrays

examples:
  nablagan train                                       real digits, three minutes on two cores
  nablagan train --data photos/ --resolution 64        a folder of images, one class or a folder each
  nablagan train --data photos/ --gamma auto           the penalties' weight sets itself (docs/gamma.md)
  nablagan train --data train-images-idx3-ubyte.gz --unconditional --images 300k
  nablagan train r3gan --data photos.zip --images 5M --device cuda --out runs/photos
  nablagan train --out runs/photos ...                 the same command again goes on where it stopped
  nablagan train --init-from runs/photos --data more/  a new run that begins with the players of another
  torchrun --nproc_per_node=2 -m nablagan train --out runs/two"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument(
        "recipe", nargs="?", default="default", metavar="RECIPE", help="default, strided, r3gan, points"
    )
    parser.add_argument("--data", default="builtin:digits", help="builtin:NAME, folder, .zip, .npy, .npz or IDX files")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory (default runs/NNNNN-DATA-RECIPE, new)")
    parser.add_argument("--images", type=count, metavar="N", help="images to train for, such as 200000, 200k or 5M")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop after so many seconds in all; the run can go on"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of weights, noise and data order (default 0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved run, parameters and expected time")
    parser.add_argument(
        "--on-trouble",
        choices=("advise", "stop", "rollback"),
        default="advise",
        help="when the doctor finds something: say so (default), stop with exit code 3, or go back and on otherwise",
    )
    parser.add_argument("--tensorboard", action="store_true", help="write RUN/tensorboard as well (needs tensorboard)")
    parser.add_argument("--init-from", type=Path, metavar="RUN", help="begin with the players of a run or checkpoint")
    parser.add_argument(
        "--no-derivative-check",
        dest="check_derivatives",
        action="store_false",
        help="begin without comparing the gradients with differences",
    )
    parser.add_argument("--accept-changed-data", action="store_true", help="go on although the data have changed")
    parser.add_argument("--json", action="store_true", help="print the result as JSON for programs")
    add_data_arguments(parser)
    _add_recipe_arguments(parser.add_argument_group("instead of the recipe's own numbers"))


def _add_recipe_arguments(group: Any) -> None:
    group.add_argument("--batch", type=int, metavar="N", help="images a step, over all processes")
    group.add_argument("--size", choices=("tiny", "small", "base"), help="width of the players")
    group.add_argument("--loss", metavar="NAME", help="relativistic, hinge, non_saturating, wasserstein, ...")
    group.add_argument("--update", metavar="NAME", help="alternating, extragradient, optimistic, lookahead, lead, ...")
    group.add_argument(
        "--gamma", type=gamma, metavar="X", help="weight of the gradient penalties R1 and R2, or auto: it sets itself"
    )
    group.add_argument(
        "--penalty-method",
        metavar="NAME",
        help="how R1 and R2 find the gradient: double_backward (default), aligned_jvp, "
        "or, for a discriminator without ReLU, aligned_fd, aligned_central_fd",
    )
    group.add_argument("--learning-rate", type=float, metavar="X", help="of both players at the start")
    group.add_argument(
        "--discriminator-learning-rate", type=float, metavar="X", help="of the discriminator alone, at the start"
    )
    group.add_argument("--beta1", type=float, metavar="X", help="momentum of both players' Adam (the recipes' is 0)")
    group.add_argument("--spectral-norm", action="store_true", help="normalise the discriminator's weights")
    group.add_argument("--latent-size", type=int, metavar="N", help="numbers that a sample is made from")
    group.add_argument("--augment", metavar="KINDS", help="of color,translation,cutout; or none")
    group.add_argument("--augment-probability", type=float, metavar="P", help="of each kind, for each sample")
    group.add_argument("--ema", metavar="N,N", help="half-lives of the generator's averages, in images")
    labels = group.add_mutually_exclusive_group()
    labels.add_argument(
        "--conditional", action="store_true", default=None, help="use labels (default if there are any)"
    )
    labels.add_argument("--unconditional", dest="conditional", action="store_false", help="ignore labels")
    group.add_argument("--picture-images", type=count, metavar="N", help="images between sample pictures")
    group.add_argument("--checkpoint-images", type=count, metavar="N", help="images between checkpoints")
    group.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="of weights and batches")


def count(text: str) -> int:
    """A number of images such as 200000, 200k or 1.5M."""
    units = {"k": 1_000, "m": 1_000_000}
    try:
        number = round(float(text.rstrip("kKmM")) * units.get(text[-1:].lower(), 1))
    except (ValueError, OverflowError):
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of images such as 200000, 200k or 5M")
    return number


def gamma(text: str) -> float | str:
    """A number, or `auto`."""
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor auto") from None


def run(arguments: argparse.Namespace) -> int:
    """Resolve the run, train it, write the report; 0, 3 after divergence, 128 + a signal's number after one."""
    from nablagan.cli import display
    from nablagan.data import open_dataset
    from nablagan.training.engine import engine
    from nablagan.training.restore import as_begun
    from nablagan.types import InputError

    options = _options(arguments)
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise InputError(f"--seconds is {arguments.seconds}: give a number above 0")
    with engine(arguments.device) as here:
        data = _data_settings(arguments)
        with display.data_progress(quiet=arguments.json or not here.leads) as progress:
            dataset = open_dataset(
                data.source, data.resolution, data.channels, data.fit, arguments.cache, data.limit_bad, progress
            )
        resolved = _resolved(arguments.recipe, dataset, data, options, here)
        if arguments.dry_run:
            from nablagan.cli.dry_run import show_dry_run

            show_dry_run(resolved, dataset, here, arguments.json)
            return 0
        directory = arguments.out or next_directory(Path("runs"), dataset.name, resolved.recipe)
        resolved = as_begun(resolved, directory)
        here.wait()
        return _train(resolved, directory, dataset, here, arguments)


def _train(run: "Run", directory: Path, dataset: "Dataset", here: "Engine", arguments: argparse.Namespace) -> int:
    from nablagan.cli import display
    from nablagan.training.engine import LeaderFailed
    from nablagan.training.session import Limits, OnTrouble, train
    from nablagan.training.tensorboard import TensorBoard

    board = [TensorBoard(directory)] if arguments.tensorboard else []  # in every process: all miss the package or none
    show = display.training_display(run, directory, quiet=arguments.json or not here.leads)
    try:
        with show:
            result = train(
                run,
                directory,
                dataset,
                here,
                Limits(arguments.seconds),
                (show.event, *board),
                show.step,
                arguments.accept_changed_data,
                arguments.init_from,
                arguments.check_derivatives,
                OnTrouble(arguments.on_trouble),
            )
    except LeaderFailed:  # it has told why; this process has nothing to add
        return 2
    finally:
        for listener in board:
            listener.close()
    if here.leads:
        _tell(result, directory, arguments.json)
    if result.signal:
        return 128 + result.signal
    return 3 if result.status == "failed" or result.trouble else 0


def _tell(result: "Result", directory: Path, as_json: bool) -> None:
    """Write the report and say where it is."""
    from nablagan.report import probes_share, read_run, standing, verdict, write_page

    record = read_run(directory)
    page, cost = write_page(record), probes_share(record)
    if as_json:
        import json

        content = {"directory": str(directory), "report": str(page), "status": result.status, "reason": result.reason}
        content |= {"probes_share": cost, "findings": [found["disease"] for found in standing(record)]}
        print(json.dumps(content | {"images_seen": result.images_seen}))
        return
    if result.status == "failed":
        remedy = "" if record.of_kind("finding") else "; lower --learning-rate or raise --gamma, with another --out"
        print(f"nablagan: training failed: {result.reason}{remedy}", file=sys.stderr)
    reason = f" ({result.reason})" if result.reason and result.status != "failed" else ""
    print(f"{result.status} at {result.images_seen:,} images{reason}")
    if cost is not None:
        print(f"probes: {100 * cost:.1f} % of the training time; {verdict(record)}")
    print(f"report: {page}")
    print(f"next:   nablagan sample {shlex.quote(str(directory))} --count 64 --out samples")


def _options(arguments: argparse.Namespace) -> "Options":
    from nablagan import losses, optim
    from nablagan.recipes import Options

    return Options(
        images=arguments.images,
        batch_size=arguments.batch,
        size=arguments.size,
        gamma=arguments.gamma,
        penalty_method=_penalty_method(arguments.penalty_method),
        learning_rate=arguments.learning_rate,
        discriminator_learning_rate=arguments.discriminator_learning_rate,
        beta1=arguments.beta1,
        spectral_norm=arguments.spectral_norm,
        loss=named(losses, _loss_names(losses), arguments.loss, "loss") if arguments.loss else None,
        update=_update(optim, arguments.update) if arguments.update else None,
        augmentations=_augmentations(arguments.augment),
        augmentation_probability=arguments.augment_probability,
        conditional=arguments.conditional,
        latent_size=arguments.latent_size,
        ema_half_lives=_half_lives(arguments.ema),
        picture_images=arguments.picture_images,
        checkpoint_images=arguments.checkpoint_images,
        seed=arguments.seed,
        dtype=arguments.dtype,
    )


def _loss_names(losses: Any) -> list[str]:
    """The public functions that the module of losses defines, except its check."""
    own = [name for name, value in vars(losses).items() if getattr(value, "__module__", "") == losses.__name__]
    return [name for name in own if not name.startswith(("_", "check_"))]


def _penalty_method(word: str | None) -> Any:
    """The deterministic method called so; None, the recipe's own, for the default, which configurations leave out."""
    from nablagan import penalties

    chosen = named(penalties, PENALTY_METHODS, word.replace("-", "_"), "penalty method") if word else None
    return None if chosen is penalties.double_backward else chosen


def _update(optim: Any, word: str) -> Any:
    """The class of updates called, for instance, `past_extragradient`: those that need no more than two optimisers."""
    public = [getattr(optim, name) for name in optim.__all__]
    kinds = [kind for kind in public if isinstance(kind, type) and issubclass(kind, optim.Update)]
    classes = {_snake(kind.__name__): kind for kind in kinds if kind not in (optim.Update, optim.Along)}
    return named(SimpleNamespace(**classes), classes, word.replace("-", "_"), "update")


def _snake(name: str) -> str:
    """RungeKutta4 as runge_kutta_4."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()


def _augmentations(text: str | None) -> tuple[str, ...] | None:
    from nablagan.data.augment import KINDS
    from nablagan.types import InputError

    if text is None:
        return None
    kinds = () if text == "none" else tuple(text.replace(" ", "").split(","))
    if unknown := set(kinds) - set(KINDS):
        raise InputError(f"no augmentation '{min(unknown)}': give some of {','.join(KINDS)}, or none")
    return kinds


def _half_lives(text: str | None) -> tuple[int, ...] | None:
    from nablagan.types import InputError

    try:
        return None if text is None else tuple(count(part) for part in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--ema {text}: {error}") from error


def _data_settings(arguments: argparse.Namespace) -> "DataSettings":
    from nablagan.training.run import DataSettings

    asked = arguments.resolution
    size = (asked, asked) if isinstance(asked, int) else asked
    return DataSettings(arguments.data, size, arguments.channels, arguments.fit, arguments.limit_bad)


def _resolved(name: str, dataset: "Dataset", data: "DataSettings", options: "Options", here: "Engine") -> "Run":
    from nablagan import recipes

    recipe = named(recipes, RECIPES, name, "recipe")
    return recipe(recipes.facts_of(dataset, data, here.device.type), options)


def next_directory(parent: Path, data: str, recipe: str) -> Path:
    """parent/NNNNN-DATA-RECIPE with the next free number."""
    taken = [int(p.name[:5]) for p in parent.glob("[0-9][0-9][0-9][0-9][0-9]-*")] if parent.is_dir() else []
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in data)
    return parent / f"{max(taken, default=0) + 1:05d}-{name}-{recipe}"
