"""R3GAN (Huang et al. 2024) as published: residual grouped convolutions, every quantity on a cosine schedule."""

from nablagan import losses
from nablagan.optim import Cosine
from nablagan.players import r3gan as players
from nablagan.recipes.options import (
    Facts,
    Options,
    adjusted,
    bfloat16_stages,
    gradient_penalties,
    shared_settings,
    stages_of,
)
from nablagan.training.circumstances import RATES
from nablagan.training.run import AdamSettings, PlayerSettings, Run
from nablagan.types import InputError

IMAGES = {"cpu": 128_000, "cuda": 10_000_000}
BATCH_SIZE = {"cpu": 64, "cuda": 256}
SIZE = {"cpu": "tiny", "cuda": "base"}
LEARNING_RATE = RATES["r3gan"]
GAMMA = {32: 0.05, 64: 2.0, 128: 15.0, 256: 150.0}
"""By the side of the images: CIFAR-10, FFHQ-64 and FFHQ-256 as published, 128 between them in logarithm."""
AUGMENTATIONS = ("color", "translation", "cutout")
AUGMENTATION_PROBABILITY = 0.3


def r3gan(facts: Facts, options: Options) -> Run:
    """RpGAN + R1 + R2, gamma falling tenfold, Adam 2e-4 -> 5e-5, beta2 .9 -> .99, augmentation rising.

    # Unlike the paper: the cosines end with the run (the paper's end at 20 to 200 million images), one batch serves
    both players, DiffAugment stands for ADA's transforms, gamma is chosen by the side. Raises InputError for points.
    On a GPU the three highest stages run in bfloat16, as published for 32x32.
    """
    if len(facts.shape) != 3:
        raise InputError(f"recipe r3gan makes images and {facts.data.source} holds points: use recipe points")
    shared = shared_settings(facts, options, IMAGES[facts.device], BATCH_SIZE[facts.device])

    def cosine(start: float, end: float) -> Cosine:
        return Cosine(start, end, shared["images"])

    adam = AdamSettings(cosine(LEARNING_RATE, LEARNING_RATE / 4), cosine(0.9, 0.99))
    probability = options.augmentation_probability
    size = {"size": options.size or SIZE[facts.device]}
    bfloat16 = bfloat16_stages(facts.device == "cuda", options, min(3, stages_of(facts)))
    run = Run(
        recipe="r3gan",
        generator=PlayerSettings(players.generator, size | bfloat16),
        discriminator=PlayerSettings(players.discriminator, size | bfloat16),
        loss=options.loss or losses.relativistic,
        generator_adam=adam,
        discriminator_adam=adam,
        penalties=gradient_penalties(options, shared, nearest_gamma(facts), lambda start: cosine(start, start / 10)),
        augmentations=AUGMENTATIONS if options.augmentations is None else options.augmentations,
        augmentation_probability=cosine(0.0, AUGMENTATION_PROBABILITY if probability is None else probability),
        **shared,
    )
    return adjusted(run, options)


def nearest_gamma(facts: Facts) -> float:
    """The published weight of the resolution nearest in area."""
    side = facts.pixels**0.5
    return GAMMA[min(GAMMA, key=lambda known: abs(known - side))]
