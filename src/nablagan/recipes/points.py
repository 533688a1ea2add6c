"""Points in the plane: multilayer players, a test bed whose answer one can see."""

from nablagan import losses
from nablagan.optim import Cosine, constant
from nablagan.players import mlp
from nablagan.recipes.options import Facts, Options, adjusted, gradient_penalties, shared_settings
from nablagan.training.circumstances import RATES, usual_gamma
from nablagan.training.run import AdamSettings, PlayerSettings, Run
from nablagan.types import InputError

IMAGES = 1_000_000
BATCH_SIZE = 256
LEARNING_RATE = RATES["points"]


def points(facts: Facts, options: Options) -> Run:
    """A run of multilayer players, relativistic loss, R1 + R2. Raises InputError for images and for augmentation."""
    if len(facts.shape) != 1:
        raise InputError(
            f"recipe points makes points and {facts.data.source} holds images: use recipe strided or r3gan"
        )
    if options.augmentations:
        raise InputError("points cannot be augmented: leave --augment out")
    shared = shared_settings(facts, options, IMAGES, BATCH_SIZE)
    falling = AdamSettings(Cosine(LEARNING_RATE, LEARNING_RATE / 10, shared["images"]), constant(0.99))
    size = {"size": options.size or "small"}
    run = Run(
        recipe="points",
        generator=PlayerSettings(mlp.generator, size),
        discriminator=PlayerSettings(mlp.discriminator, size),
        loss=options.loss or losses.relativistic,
        generator_adam=falling,
        discriminator_adam=falling,
        penalties=gradient_penalties(options, shared, usual_gamma(facts.shape), constant),
        **shared,
    )
    return adjusted(run, options)
