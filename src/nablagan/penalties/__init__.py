"""Penalties on the discriminator: functions `(discriminator, pair) -> (batch,)`; their weight is kept by the game.

One weight convention: with weight gamma the discriminator's loss gains (gamma / 2) E||grad_x D||^2, or, one-centred,
(gamma / 2) E(||grad_x D|| - 1)^2. How the slope is found is an argument: `partial(r1, method=aligned_fd)`.
"""

from nablagan.penalties.conventions import gamma_of_difference, gamma_of_square
from nablagan.penalties.generators import jacobian_clamping, orthogonal_jacobian, path_length
from nablagan.penalties.gradients import dragan, one_centred, r1, r2, wgan_gp, zero_centred
from nablagan.penalties.judging import Remembering, half_squared_norm, input_gradient
from nablagan.penalties.logits import centring, consistency
from nablagan.penalties.methods import (
    Method,
    Slopes,
    aligned_fd,
    aligned_forward_fd,
    aligned_jvp,
    double_backward,
    random_fd,
    random_jvp,
)
from nablagan.penalties.naming import name_of, names_of
from nablagan.penalties.noise import gaussian, normal, orthonormal, rademacher, uniform
from nablagan.penalties.points import Points, fake, interpolated, perturbed, real
from nablagan.penalties.sparing import lazily, on_fraction
from nablagan.penalties.weights import spectral_norms

__all__ = [
    "Method",
    "Points",
    "Remembering",
    "Slopes",
    "aligned_fd",
    "aligned_forward_fd",
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
    "jacobian_clamping",
    "lazily",
    "name_of",
    "names_of",
    "normal",
    "on_fraction",
    "one_centred",
    "orthogonal_jacobian",
    "orthonormal",
    "path_length",
    "perturbed",
    "r1",
    "r2",
    "rademacher",
    "random_fd",
    "random_jvp",
    "real",
    "spectral_norms",
    "uniform",
    "wgan_gp",
    "zero_centred",
]
