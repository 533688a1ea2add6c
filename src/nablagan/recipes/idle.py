"""Choices that a recipe has no use for: refused, as nobody should believe that they did something."""

from collections.abc import Iterable

from nablagan.recipes.options import Options
from nablagan.types import InputError

OF_LATENTS = ("augmentations", "augmentation_probability", "conditional")
"""Of recipes that make images of latents alone."""
OF_SOURCES = ("sees_source",)
"""Of recipes whose discriminator may see what an image was made of."""
OF_PAIRS = ("feature_matching", "perceptual", "diversity", *OF_SOURCES)
"""Of recipes that are told the truth of each image."""
OF_IMAGES = ("net", "scales", "reconstruction", "pair_augmentations", *OF_PAIRS)
"""Of recipes that make images of images."""
OF_HOLES = ("masks",)
OF_ADVERSARY = (
    "loss",
    "gamma",
    "penalty_method",
    "penalty_every",
    "spectral_norm",
    "discriminator_learning_rate",
    "scales",
    "reconstruction",
    "feature_matching",
    "perceptual",
    *OF_SOURCES,
)
"""What a generator without an adversary knows nothing of."""
OPTIONS = {"masks": "holes", "augmentations": "augment", "pair_augmentations": "pair-augment"}
"""What a field of `Options` is called on the command line, where that is another word."""


def refuse_choices(options: Options, recipe: str, fields: Iterable[str]) -> None:
    """Raise InputError for the first of these fields of the options that asks for something."""
    untouched = Options()
    for field in fields:
        asked = getattr(options, field)
        if (asked or field in OF_SOURCES) and asked != getattr(untouched, field):
            word = ("no-" if asked is False else "") + OPTIONS.get(field, field).replace("_", "-")
            raise InputError(f"recipe {recipe} has no use for --{word}: leave it out, or choose another recipe")


def refuse_diversity(options: Options) -> None:
    """Raise InputError for different outputs of one source where nothing is drawn."""
    if options.diversity and not options.latent_size:
        raise InputError("--diversity is between outputs of different latents: give --latent-size too")
