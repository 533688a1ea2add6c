"""Hinge loss and a spectrally normalised discriminator (Miyato et al. 2018) on DCGAN's players."""

from dataclasses import replace

from nablagan import losses
from nablagan.recipes.dcgan import BATCH_SIZE, convolutional
from nablagan.recipes.options import Facts, Options, adjusted, normalised, refuse_penalty_choices
from nablagan.training.run import Run
from nablagan.types import InputError


def hinge_spectral(facts: Facts, options: Options) -> Run:
    """A run with the hinge loss, W / sigma(W) in the discriminator, Adam 2e-4 (.5, .999), one step each.

    # Unlike the paper: DCGAN's discriminator, not the paper's with two convolutions a resolution. Raises InputError
    for points, for --gamma and for what would say how its penalties are taken.
    """
    if options.gamma is not None:
        raise InputError("recipe hinge_spectral has no gradient penalty to weigh: leave --gamma out, or use dcgan")
    refuse_penalty_choices(options, "hinge_spectral", "leave them out")
    run = convolutional("hinge_spectral", facts, options, BATCH_SIZE)
    run = adjusted(replace(run, loss=options.loss or losses.hinge), replace(options, spectral_norm=False))
    return replace(run, discriminator=normalised(run.discriminator))
