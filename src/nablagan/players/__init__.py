"""Generators `(latent, label) -> samples` and discriminators `(images, label) -> logits (batch,)`."""

from nablagan.players import dcgan, layers, mlp, r3gan
from nablagan.players.layers import parameter_count
from nablagan.players.spectral import spectral, spectral_normalised

__all__ = ["dcgan", "layers", "mlp", "parameter_count", "r3gan", "spectral", "spectral_normalised"]
