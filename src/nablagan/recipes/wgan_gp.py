"""WGAN-GP (Gulrajani et al. 2017) on DCGAN's players: five steps of the critic for one of the generator."""

from dataclasses import replace
from functools import partial

from nablagan import losses, penalties
from nablagan.optim import CriticFirst, constant
from nablagan.recipes.dcgan import convolutional
from nablagan.recipes.options import Facts, Options, adjusted
from nablagan.training.run import PenaltySettings, Run
from nablagan.types import InputError

BATCH_SIZE = 5 * 64
"""Five batches of the critic's: a step of `CriticFirst` divides it."""
GAMMA = 20.0
"""2 lambda, lambda = 10."""
BETA1, BETA2 = 0.0, 0.9


def wgan_gp(facts: Facts, options: Options) -> Run:
    """A run with the Wasserstein loss, ||grad_x D|| pulled to 1, five critic steps, Adam 1e-4 (0, .9).

    A step takes five batches, so its images are those of five critic steps. --gamma is twice the paper's lambda.
    # Unlike the paper: the generator answers on the last of the five batches, not on fresh latents. Raises InputError
    for points.
    """
    if isinstance(options.gamma, str):
        raise InputError("the weight of recipe wgan_gp's penalty cannot set itself: give --gamma a number")
    run = convolutional("wgan_gp", facts, options, BATCH_SIZE)
    beta2 = constant(BETA2)
    run = replace(
        run,
        loss=options.loss or losses.wasserstein,
        generator_adam=replace(run.generator_adam, beta1=BETA1, beta2=beta2),
        discriminator_adam=replace(run.discriminator_adam, beta1=BETA1, beta2=beta2),
        update=options.update or CriticFirst,
        penalties=_penalties(options),
    )
    return adjusted(run, options)


def _penalties(options: Options) -> tuple[PenaltySettings, ...]:
    gamma = GAMMA if options.gamma is None else float(options.gamma)
    method = options.penalty_method
    chosen = penalties.wgan_gp if method is None else partial(penalties.wgan_gp, method=method)
    return (PenaltySettings(chosen, constant(gamma), options.penalty_every or 1),) if gamma else ()
