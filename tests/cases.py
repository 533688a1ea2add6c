"""The only list of losses, penalties, players and updates: what a parametrised test runs through.

A new one is complete with its row here; the tests of each kind compare these lists with the modules.
"""

from torch import nn

from nablagan import losses, optim, penalties
from nablagan.players import conditional, dcgan, fourier, gated, layers, mlp, partial, patch, r3gan, resnet, unet

LOSSES = (
    losses.minimax,
    losses.non_saturating,
    losses.wasserstein,
    losses.hinge,
    losses.least_squares,
    losses.signed_least_squares,
    losses.relativistic,
    losses.relativistic_average,
    losses.kullback_leibler,
    losses.reverse_kullback_leibler,
    losses.pearson,
    losses.neyman,
    losses.squared_hellinger,
    losses.jensen_shannon,
    losses.total_variation,
)

PENALTIES = (
    penalties.r1,
    penalties.r2,
    penalties.wgan_gp,
    penalties.dragan,
    penalties.centring,
    penalties.spectral_norms,
)

GENERATOR_PENALTIES = (penalties.path_length, penalties.jacobian_clamping, penalties.orthogonal_jacobian)

PENALTY_WEIGHTS = {
    "none": {},
    "r1": {penalties.r1: 0.7},
    "r2": {penalties.r2: 1.3},
    "r1+r2": {penalties.r1: 0.7, penalties.r2: 1.3},
}
"""name -> the mapping given to a task."""

METHODS = {
    "double backward": penalties.double_backward,
    "aligned, forward mode": penalties.aligned_jvp,
    "aligned, forward difference": penalties.aligned_fd,
    "aligned, central difference": penalties.aligned_central_fd,
}
"""The deterministic ways to a slope: any of them in any penalty gives the game the same derivatives."""

UPDATES = (
    optim.Alternating,
    optim.CriticFirst,
    optim.Simultaneous,
    optim.Extragradient,
    optim.PastExtragradient,
    optim.Optimistic,
    optim.Lookahead,
    optim.NegativeMomentum,
    optim.SimultaneousNegativeMomentum,
    optim.Consensus,
    optim.SymplecticAdjustment,
    optim.CompetitiveGradientDescent,
    optim.AdaptiveCompetitiveGradientDescent,
    optim.Lead,
    optim.FollowTheRidge,
    optim.Unrolled,
    optim.RungeKutta2,
    optim.RungeKutta4,
)

PLAYERS = {
    "mlp": (mlp, {}, {}),
    "mlp-leaky": (mlp, {"activation": layers.leaky_relu}, {"activation": layers.leaky_relu, "widths": (16,)}),
    "dcgan": (dcgan, {}, {}),
    "dcgan-transposed": (
        dcgan,
        {"upsampling": dcgan.TransposedConvolution, "normalisation": lambda width: nn.Identity(), "gains": True},
        {"kernel": 3},
    ),
    "dcgan-groups": (dcgan, {"normalisation": lambda width: nn.GroupNorm(2, width)}, {}),
    "r3gan": (r3gan, {}, {}),
    "r3gan-deep": (r3gan, {"depth": 3, "group_size": 8}, {"depth": 1, "group_size": 32}),
}
"""name -> (module, options of the generator, options of the discriminator)."""

CONDITIONAL_GENERATORS = {
    "unet": (unet, {}),
    "unet-instance": (unet, {"normalisation": conditional.instance_norm, "output": conditional.bounded}),
    "unet-from-source": (unet, {"output": conditional.from_source}),
    "resnet": (resnet, {}),
    "resnet-plain": (resnet, {"normalisation": conditional.without, "blocks": 1}),
    "fourier": (fourier, {"blocks": 2}),
    "gated": (gated, {}),
    "partial": (partial, {}),
}
"""name -> (module, options): `(source, latent) -> images` at any height and width."""

CONDITIONAL_DISCRIMINATORS = {
    "patch": (patch, {"layers": 2}),
    "patch-scales": (patch, {"layers": 1, "scales": 3, "normalisation": conditional.instance_norm}),
}
"""name -> (module, options): `(images with their source, label) -> logits (batch, patches)`."""


def name_of(case) -> str:
    """The id of a parametrised test."""
    return case.__name__


def public(module, but=()) -> set:
    """What a module defines under a public name, without the helpers in `but`."""
    defined = {value for name, value in vars(module).items() if name[0] != "_" and callable(value)}
    return {value for value in defined if value.__module__ == module.__name__} - set(but)
