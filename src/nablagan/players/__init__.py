"""Generators `(latent, label) -> samples` and discriminators `(images, label) -> logits (batch,)`."""

from nablagan.players import (
    conditional,
    dcgan,
    fourier,
    gated,
    layers,
    mlp,
    original,
    partial,
    patch,
    r3gan,
    resnet,
    unet,
)
from nablagan.players.layers import parameter_count
from nablagan.players.spectral import spectral, spectral_normalised

__all__ = [
    "conditional",
    "dcgan",
    "fourier",
    "gated",
    "layers",
    "mlp",
    "original",
    "parameter_count",
    "partial",
    "patch",
    "r3gan",
    "resnet",
    "spectral",
    "spectral_normalised",
    "unet",
]
