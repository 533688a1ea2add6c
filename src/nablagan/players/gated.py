"""A U-Net of gated convolutions, for completion with any mask (Yu et al. 2019, equation 2).

# Unlike the paper: one network instead of a coarse and a fine one, without the latter's attention; normalisation is per
# sample, and outputs are linear unless bounded.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nablagan.players import conditional, layers, unet
from nablagan.players.conditional import Modulation, Normalisation


class GatedStage(nn.Module):
    """φ(m(n(W_f * x))) ⊙ sigmoid(W_g * x): a learned gate for each channel and place; φ leaky ReLU."""

    def __init__(
        self, inputs: int, width: int, kernel: int, stride: int, normalisation: Normalisation, latent_size: int = 0
    ) -> None:
        super().__init__()
        self.width = width
        self.both = layers.Convolution(inputs, 2 * width, kernel, stride=stride, gain=2 * layers.LEAKY_RELU_GAIN)
        self.normalisation, self.modulation = normalisation(width), Modulation(latent_size, width)

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        features, gate = self.both(x).chunk(2, dim=1)
        return layers.leaky_relu(self.modulation(self.normalisation(features), latent)) * torch.sigmoid(gate / 2)


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    latent_size: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    normalisation: Normalisation = layers.PixelNorm,
    output: conditional.Output = conditional.unbounded,
    bfloat16_stages: int = 0,
) -> unet.Generator:
    """A U-Net whose stages are gated convolutions; arguments and errors are those of `unet.generator`.

    For completion the source is what `tasks.with_hole` gives: known pixels, continued, and the mask as last channel.

    >>> generator((3, 32, 32), source_shape=(4, 32, 32), size="tiny")(torch.zeros(2, 4, 37, 53)).shape
    torch.Size([2, 3, 37, 53])
    """
    channels = conditional.channels_of(shape, source_shape, "players.gated")
    widths = unet.widths_for(shape, size, widths)
    return unet.Generator(channels, latent_size, widths, normalisation, output, bfloat16_stages, GatedStage)
