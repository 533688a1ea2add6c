"""What the user chooses instead of a recipe's own numbers: options of `train`, and how their words become values."""

import argparse
import importlib
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from nablagan.cli.options import named

if TYPE_CHECKING:
    from nablagan.recipes import Options

NETS = ("unet", "resnet", "fourier", "gated", "partial")
HOLES = ("random_mask", "box", "thin", "medium", "thick", "outpainting")
PENALTY_METHODS = ("double_backward", "aligned_jvp", "aligned_fd", "aligned_central_fd")


def add_recipe_arguments(group: Any) -> None:
    """Options of a group of the parser."""
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
    group.add_argument(
        "--penalty-every", type=int, metavar="N", help="take the penalties at each N-th step only, N times as heavy"
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
    group.add_argument(
        "--pair-augment", metavar="KINDS", help="of flip,shift,zoom: an image and its source or mask move alike"
    )
    group.add_argument("--net", choices=NETS, help="of the generator that starts from images")
    group.add_argument("--holes", choices=HOLES, help="what is missing from images that are to be completed")
    group.add_argument(
        "--sees-source",
        action=argparse.BooleanOptionalAction,
        help="in pairs: show the discriminator the source beside the image (default: pix2pix alone)",
    )
    group.add_argument("--scales", type=int, default=1, metavar="N", help="resolutions that a translation is judged at")
    group.add_argument(
        "--reconstruction", type=float, metavar="X", help="weight of the difference to the truth, of cycle or contrast"
    )
    group.add_argument("--feature-matching", type=float, metavar="X", help="weight of the discriminator's features")
    group.add_argument(
        "--perceptual", type=float, metavar="X", help="weight of the distance to the truth in EfficientNet's features"
    )
    group.add_argument("--diversity", type=float, metavar="X", help="weight of differing outputs, with --latent-size")
    group.add_argument("--ema", metavar="N,N", help="half-lives of the generator's averages, in images")
    labels = group.add_mutually_exclusive_group()
    labels.add_argument(
        "--conditional", action="store_true", default=None, help="use labels (default if there are any)"
    )
    labels.add_argument("--unconditional", dest="conditional", action="store_false", help="ignore labels")
    group.add_argument("--picture-images", type=count, metavar="N", help="images between sample pictures")
    group.add_argument("--checkpoint-images", type=count, metavar="N", help="images between checkpoints")
    group.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float64"),
        help="of weights and batches; bfloat16 is for layers only, weights stay float32 (default where much faster)",
    )


def options_of(arguments: argparse.Namespace) -> "Options":
    """The recipe options that parsed arguments hold. InputError for a word that names nothing."""
    from nablagan import losses, optim
    from nablagan.data import masks
    from nablagan.data.augment import KINDS
    from nablagan.data.paired_augment import PAIRED_KINDS
    from nablagan.recipes import Options

    return Options(
        images=arguments.images,
        batch_size=arguments.batch,
        size=arguments.size,
        gamma=arguments.gamma,
        penalty_method=_penalty_method(arguments.penalty_method),
        penalty_every=arguments.penalty_every,
        learning_rate=arguments.learning_rate,
        discriminator_learning_rate=arguments.discriminator_learning_rate,
        beta1=arguments.beta1,
        spectral_norm=arguments.spectral_norm,
        loss=named(losses, _loss_names(losses), arguments.loss, "loss") if arguments.loss else None,
        update=_update(optim, arguments.update) if arguments.update else None,
        augmentations=None if arguments.augment is None else _kinds(arguments.augment, KINDS, "augmentation"),
        augmentation_probability=arguments.augment_probability,
        pair_augmentations=_kinds(arguments.pair_augment or "none", PAIRED_KINDS, "pair augmentation"),
        conditional=arguments.conditional,
        latent_size=arguments.latent_size,
        net=None if arguments.net is None else importlib.import_module(f"nablagan.players.{arguments.net}").generator,
        masks=None if arguments.holes is None else getattr(masks, arguments.holes),
        sees_source=arguments.sees_source,
        scales=arguments.scales,
        reconstruction=arguments.reconstruction,
        feature_matching=arguments.feature_matching,
        perceptual=arguments.perceptual,
        diversity=arguments.diversity,
        ema_half_lives=_half_lives(arguments.ema),
        picture_images=arguments.picture_images,
        checkpoint_images=arguments.checkpoint_images,
        seed=arguments.seed,
        dtype=arguments.dtype,
    )


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


def _kinds(text: str, known: Sequence[str], name: str) -> tuple[str, ...]:
    from nablagan.types import InputError

    kinds = () if text == "none" else tuple(text.replace(" ", "").split(","))
    if unknown := set(kinds) - set(known):
        raise InputError(f"no {name} '{min(unknown)}': give some of {','.join(known)}, or none")
    return kinds


def _half_lives(text: str | None) -> tuple[int, ...] | None:
    from nablagan.types import InputError

    try:
        return None if text is None else tuple(count(part) for part in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--ema {text}: {error}") from error
