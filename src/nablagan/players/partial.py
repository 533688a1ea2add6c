"""A U-Net of partial convolutions: what is missing enters no sum (Liu et al. 2018, equations 1 and 2).

The source's last channel is the mask: 1 where pixels are missing (0.5 and above counts as 1), 0 where they are known.
A place is known after a layer when any place below its kernel was, so the holes shrink from layer to layer.

# Unlike the paper: normalisation is per sample, every ReLU is leaky, and outputs are linear unless bounded.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, max_pool2d

from nablagan.players import conditional, layers, unet
from nablagan.players.conditional import ConditionalGenerator, Modulation, Normalisation
from nablagan.types import InputError


class PartialStage(nn.Module):
    """φ(m(n(W * x · all / sum(known) + bias))): 0 where nothing is known below the kernel, before n and m.

    x is 0 where it is unknown; `known` (batch, 1, h, w) is the part of its channels that is known at each place, `all`
    the kernel's number of places. n normalises, m modulates by the latent, φ is leaky ReLU.
    """

    def __init__(
        self, inputs: int, width: int, kernel: int, stride: int, normalisation: Normalisation, latent_size: int = 0
    ) -> None:
        super().__init__()
        self.block = layers.Convolution(inputs, width, kernel, stride=stride, gain=layers.LEAKY_RELU_GAIN, bias=False)
        self.bias = nn.Parameter(torch.zeros(width, 1, 1))
        self.normalisation, self.modulation = normalisation(width), Modulation(latent_size, width)

    def forward(self, x: Tensor, known: Tensor, latent: Tensor | None = None) -> Tensor:
        kernel, inputs = self.block.weight.shape[-1], self.block.weight.shape[1]
        ones = known.new_ones(1, 1, kernel, kernel)
        total = conv2d(known, ones, stride=self.block.stride, padding=self.block.padding)
        scale = (kernel**2 / total.clamp(min=1 / inputs)).to(x.dtype)
        found = self.block(x) * scale + self.bias.to(x.dtype) * (total > 0).to(x.dtype)
        return layers.leaky_relu(self.modulation(self.normalisation(found), latent))


class Generator(ConditionalGenerator):
    """(known pixels with the mask as last channel, latent) -> images: a U-Net that carries the mask along."""

    def __init__(
        self,
        channels: tuple[int, int],
        latent_size: int,
        widths: tuple[int, ...],
        normalisation: Normalisation,
        output: conditional.Output,
        bfloat16_stages: int,
    ) -> None:
        super().__init__(channels, latent_size, widths, output, bfloat16_stages)
        self.down = nn.ModuleList(
            [PartialStage(channels[1] - 1, widths[-1], 3, 1, normalisation)]
            + [PartialStage(above, width, 4, 2, normalisation) for above, width in pairwise(widths[::-1])]
        )
        joined = [widths[0], *(below + width for below, width in pairwise(widths))]
        self.up = nn.ModuleList(
            PartialStage(inputs, width, 3, 1, normalisation, latent_size)
            for inputs, width in zip(joined, widths, strict=True)
        )
        self.out = self._last(widths[-1], 3)

    def maps(self, source: Tensor) -> list[Tensor]:
        """One map a resolution, 0 where nothing is known."""
        found, x, known = [], source[:, :-1], _known(source)
        x = x * known
        for number, stage in enumerate(self.down):
            x = stage(self.entering(x, len(self.down) - 1 - number), known)
            known = _known_after(stage, known)
            x = x * known.to(x.dtype)
            found.append(x)
        return found

    def image(self, source: Tensor, maps: list[Tensor], latent: Tensor | None) -> Tensor:
        """The decoder's: at each resolution what is below and its map, each known at places of its own."""
        masks = self._masks(source)
        x, known = self.up[0](maps[-1], masks[-1], latent), _known_after(self.up[0], masks[-1])
        for number, stage in enumerate(self.up[1:], 1):
            skip, skip_known = maps[-1 - number], masks[-1 - number]
            x = self.entering(x * known.to(x.dtype), number)
            x, known = (interpolate(y, scale_factor=2.0, mode="nearest") for y in (x, known))
            share = (known * x.shape[1] + skip_known * skip.shape[1]) / (x.shape[1] + skip.shape[1])
            x = stage(torch.cat([x, skip], dim=1), share, latent)
            known = _known_after(stage, torch.maximum(known, skip_known))
        return self.out(x.to(self.masters))

    def _masks(self, source: Tensor) -> list[Tensor]:
        """(batch, 1, h, w) of 1 where each of the encoder's maps is known, else 0."""
        found, known = [], _known(source)
        for stage in self.down:
            known = _known_after(stage, known)
            found.append(known)
        return found


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int],
    latent_size: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    normalisation: Normalisation = layers.PixelNorm,
    output: conditional.Output = conditional.unbounded,
    bfloat16_stages: int = 0,
) -> Generator:
    """A U-Net of partial convolutions; arguments are those of `unet.generator`, the source's last channel is the mask.

    Raises InputError as that does, and for a source of one channel.

    >>> generator((3, 32, 32), source_shape=(4, 32, 32), size="tiny")(torch.zeros(2, 4, 37, 53)).shape
    torch.Size([2, 3, 37, 53])
    """
    channels = conditional.channels_of(shape, source_shape, "players.partial")
    if channels[1] < 2:
        raise InputError(f"a source of {channels[1]} channel: partial convolutions take known pixels and a mask")
    widths = unet.widths_for(shape, size, widths)
    return Generator(channels, latent_size, widths, normalisation, output, bfloat16_stages)


def _known(source: Tensor) -> Tensor:
    return (source[:, -1:] < 0.5).to(source.dtype)


def _known_after(stage: nn.Module, known: Tensor) -> Tensor:
    """What is known after the stage's convolution."""
    block = stage.block
    assert isinstance(block, layers.Convolution)
    return max_pool2d(known, block.weight.shape[-1], block.stride, block.padding)
