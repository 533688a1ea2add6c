"""DCGAN (Radford et al. 2016) and what its followers share: transposed convolutions, batch normalisation, Adam."""

from dataclasses import replace
from functools import partial

from torch import nn

from nablagan import losses
from nablagan.optim import Cosine, constant
from nablagan.players import dcgan as players
from nablagan.players import layers
from nablagan.recipes.options import (
    Facts,
    Options,
    adjusted,
    bfloat16_stages,
    gradient_penalties,
    refuse_penalty_choices,
    shared_settings,
    stages_of,
)
from nablagan.recipes.strided import IMAGES, default_size
from nablagan.training.circumstances import RATES, usual_gamma
from nablagan.training.run import AdamSettings, PlayerSettings, Run
from nablagan.types import InputError

BATCH_SIZE = 64


def dcgan(facts: Facts, options: Options) -> Run:
    """A run with the non-saturating loss and Adam 2e-4 (.5, .999); --gamma adds R1 + R2. InputError for points.

    # Unlike the paper: 4x4 kernels, leaky ReLU in both players; the discriminator has no batch
    normalisation, which would couple the samples of a batch.
    """
    run = convolutional("dcgan", facts, options, BATCH_SIZE)
    if options.gamma is None:
        refuse_penalty_choices(options, "dcgan", "give --gamma too")
        return adjusted(run, options)
    shared = shared_settings(facts, options, IMAGES[facts.device], BATCH_SIZE)
    falling = partial(_falling, images=run.images)
    penalties = gradient_penalties(options, shared, usual_gamma(facts.shape), falling)
    return adjusted(replace(run, penalties=penalties), options)


def convolutional(name: str, facts: Facts, options: Options, batch_size: int) -> Run:
    """DCGAN's players, loss and optimisers, without any penalty, as the recipe `name` changes them."""
    if len(facts.shape) != 3:
        raise InputError(f"recipe {name} makes images and {facts.data.source} holds points: use recipe points")
    size = {"size": options.size or default_size(facts)}
    size |= bfloat16_stages(facts.fast_bfloat16, options, stages_of(facts))
    generator = size | {"upsampling": players.TransposedConvolution, "normalisation": nn.BatchNorm2d}
    generator |= {"output": layers.bounded}
    adam = AdamSettings(constant(RATES[name]), constant(0.999), beta1=0.5)
    probability = options.augmentation_probability
    return Run(
        recipe=name,
        generator=PlayerSettings(players.generator, generator),
        discriminator=PlayerSettings(players.discriminator, size),
        loss=options.loss or losses.non_saturating,
        generator_adam=adam,
        discriminator_adam=adam,
        augmentations=options.augmentations or (),
        augmentation_probability=constant(0.0 if probability is None else probability),
        **shared_settings(facts, options, IMAGES[facts.device], batch_size),
    )


def _falling(start: float, images: int) -> Cosine:
    """A weight that falls tenfold over the run."""
    return Cosine(start, start / 10, images)
