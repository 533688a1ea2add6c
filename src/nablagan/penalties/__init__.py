"""Penalties on the discriminator: functions `(discriminator, pair) -> (batch,)`; their weight is kept by the game.

One weight convention: with weight gamma the discriminator's loss gains (gamma / 2) E||grad_x D||^2, or, one-centred,
(gamma / 2) E(||grad_x D|| - 1)^2. How the slope is found is an argument: `partial(r1, method=aligned_fd)`.
"""

from nablagan.penalties.conventions import gamma_of_difference, gamma_of_square
from nablagan.penalties.gradients import dragan, one_centred, r1, r2, wgan_gp, zero_centred
from nablagan.penalties.judging import Remembering, half_squared_norm, input_gradient
from nablagan.penalties.logits import centring, consistency
from nablagan.penalties.methods import Slopes, aligned_fd, aligned_jvp, double_backward, random_fd, random_jvp
from nablagan.penalties.noise import gaussian, normal, orthonormal, rademacher, uniform
from nablagan.penalties.points import Points, fake, interpolated, perturbed, real
from nablagan.penalties.sparing import lazily, on_fraction

__all__ = [
    "Points",
    "Remembering",
    "Slopes",
    "aligned_fd",
    "aligned_jvp",
    "centring",
    "consistency",
    "double_backward",
    "dragan",
    "fake",
    "gamma_of_difference",
    "gamma_of_square",
    "gaussian",
    "half_squared_norm",
    "input_gradient",
    "interpolated",
    "lazily",
    "normal",
    "on_fraction",
    "one_centred",
    "orthonormal",
    "perturbed",
    "r1",
    "r2",
    "rademacher",
    "random_fd",
    "random_jvp",
    "real",
    "uniform",
    "wgan_gp",
    "zero_centred",
]
