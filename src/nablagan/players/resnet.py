"""A residual generator from a source to an image (Johnson et al. 2016; Zhu et al. 2017, section 7.1).

# Unlike the papers: normalisation couples no samples, upsampling repeats pixels before a 3x3 convolution, borders are
# padded with zeros, and outputs are linear unless bounded.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate

from nablagan.players import conditional, layers
from nablagan.players.conditional import ConditionalGenerator, Modulation, Normalisation, Stage
from nablagan.types import InputError

BLOCKS = {"tiny": 2, "small": 4, "base": 9}
"""Residual blocks at the lowest resolution."""
MakeBlock = Callable[[int, int, Normalisation, int], nn.Module]
"""(width, blocks, normalisation, latent_size) -> one of the blocks, a module (x, latent) -> (batch, width, h, w)."""


class ResidualBlock(nn.Module):
    """x + W₂ * φ(m(n(W₁ * x))): 3x3 convolutions, normalisation n, modulation m by the latent, φ leaky ReLU.

    W₂ starts at 1/√blocks of its usual scale, so that the features keep theirs through all blocks.
    """

    def __init__(self, width: int, blocks: int, normalisation: Normalisation, latent_size: int) -> None:
        super().__init__()
        self.first = Stage(width, width, 3, 1, normalisation, latent_size)
        self.second = layers.Convolution(width, width, 3, gain=blocks**-0.5)

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        return x + self.second(self.first(x, latent))


class Generator(ConditionalGenerator):
    """(source, latent) -> images: halvings, residual blocks, doublings; the latent enters after half of the blocks."""

    def __init__(
        self,
        channels: tuple[int, int],
        latent_size: int,
        widths: tuple[int, ...],
        blocks: int,
        normalisation: Normalisation,
        output: conditional.Output,
        bfloat16_stages: int,
        block: MakeBlock = ResidualBlock,
    ) -> None:
        super().__init__(channels, latent_size, widths, output, bfloat16_stages)
        lowest, before = widths[0], blocks // 2
        self.down = nn.ModuleList(
            [Stage(channels[1], widths[-1], 7, 1, normalisation)]
            + [Stage(above, width, 4, 2, normalisation) for above, width in pairwise(widths[::-1])]
        )
        self.before = nn.ModuleList(block(lowest, blocks, normalisation, 0) for _ in range(before))
        self.after = nn.ModuleList(block(lowest, blocks, normalisation, latent_size) for _ in range(blocks - before))
        self.start = Modulation(latent_size, lowest)
        self.up = nn.ModuleList(
            Stage(below, width, 3, 1, normalisation, latent_size) for below, width in pairwise(widths)
        )
        self.out = self._last(widths[-1], 7)

    def maps(self, source: Tensor) -> list[Tensor]:
        """One map a resolution, then one for each block of the encoder's half."""
        found, x = [], source
        for number, stage in enumerate(self.down):
            x = stage(self.entering(x, len(self.down) - 1 - number))
            found.append(x)
        for block in self.before:
            x = block(x, None)
            found.append(x)
        return found

    def image(self, source: Tensor, maps: list[Tensor], latent: Tensor | None) -> Tensor:
        """The other half of the blocks, and the doublings."""
        x = self.start(maps[-1], latent)
        for block in self.after:
            x = block(x, latent)
        for number, stage in enumerate(self.up, 1):
            x = stage(interpolate(self.entering(x, number), scale_factor=2.0, mode="nearest"), latent)
        return self.out(x.to(self.masters))


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    latent_size: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    blocks: int | None = None,
    normalisation: Normalisation = layers.PixelNorm,
    output: conditional.Output = conditional.unbounded,
    bfloat16_stages: int = 0,
) -> Generator:
    """A residual generator from sources (batch, sources, h, w) to images (batch, channels, h, w), at any size.

    Sides are halved twice (less where that would leave a side of `shape` below 4), then come `blocks` residual blocks
    (2, 4, 9 for tiny, small, base). The rest as in `unet.generator`. Its maps are one a resolution and one for each
    block of the first half, as PatchNCE wants them (Park et al. 2020).

    >>> import torch
    >>> net = generator((3, 32, 32), source_shape=(1, 32, 32), size="tiny")
    >>> net(torch.zeros(2, 1, 37, 53)).shape, len(net.encode(torch.zeros(2, 1, 37, 53)))
    (torch.Size([2, 3, 37, 53]), 4)
    """
    channels = conditional.channels_of(shape, source_shape, "players.resnet")
    if widths is None:
        widths = conditional.widths_of(size, min(conditional.halvings_of(shape), 2) + 1)
    blocks = block_count(size, blocks)
    widths = layers.check_widths(widths, max(len(widths), 1))
    return Generator(channels, latent_size, widths, blocks, normalisation, output, bfloat16_stages)


def block_count(size: str, blocks: int | None) -> int:
    """The number given, else that of the size. InputError for a negative one."""
    blocks = layers.size_named(size, BLOCKS) if blocks is None else blocks
    if blocks < 0:
        raise InputError(f"blocks={blocks}: give 0 or more")
    return blocks
