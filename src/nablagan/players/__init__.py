"""Generators `(latent, label) -> samples` and discriminators `(images, label) -> logits (batch,)`."""

from nablagan.players import conditional, dcgan, layers, mlp, patch, r3gan, resnet, unet
from nablagan.players.layers import parameter_count
from nablagan.players.spectral import spectral, spectral_normalised

__all__ = [
    "conditional",
    "dcgan",
    "layers",
    "mlp",
    "parameter_count",
    "patch",
    "r3gan",
    "resnet",
    "spectral",
    "spectral_normalised",
    "unet",
]
