"""A U-Net from a source to an image (Ronneberger et al. 2015; Isola et al. 2017, section 3.2.1).

# Unlike the papers: normalisation couples no samples, upsampling repeats pixels before a 3x3 convolution, there is no
# dropout (a latent makes outputs differ), and outputs are linear unless `output` bounds them.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nablagan.players import conditional, layers
from nablagan.players.conditional import ConditionalGenerator, Normalisation, Stage

MakeStage = Callable[[int, int, int, int, Normalisation, int], nn.Module]
"""(inputs, width, kernel, stride, normalisation, latent_size) -> a module (x, latent) -> (batch, width, h, w)."""


class Generator(ConditionalGenerator):
    """(source, latent) -> images: strided convolutions down, nearest upsampling up, joined to the map of each size."""

    def __init__(
        self,
        channels: tuple[int, int],
        latent_size: int,
        widths: tuple[int, ...],
        normalisation: Normalisation,
        output: conditional.Output,
        bfloat16_stages: int,
        stage: MakeStage = Stage,
    ) -> None:
        super().__init__(channels, latent_size, widths, output, bfloat16_stages)
        self.down = nn.ModuleList(
            [stage(channels[1], widths[-1], 3, 1, normalisation, 0)]
            + [stage(above, width, 4, 2, normalisation, 0) for above, width in pairwise(widths[::-1])]
        )
        joined = [widths[0], *(below + width for below, width in pairwise(widths))]
        self.up = nn.ModuleList(
            stage(inputs, width, 3, 1, normalisation, latent_size) for inputs, width in zip(joined, widths, strict=True)
        )
        self.out = self._last(widths[-1], 3)

    def maps(self, source: Tensor) -> list[Tensor]:
        """One map a resolution."""
        found, x = [], source
        for number, stage in enumerate(self.down):
            x = stage(self.entering(x, len(self.down) - 1 - number), None)
            found.append(x)
        return found

    def image(self, source: Tensor, maps: list[Tensor], latent: Tensor | None) -> Tensor:
        """The decoder's."""
        x = self.up[0](maps[-1], latent)
        for number, (stage, skip) in enumerate(zip(self.up[1:], maps[-2::-1], strict=True), 1):
            raised = interpolate(self.entering(x, number), scale_factor=2.0, mode="nearest")
            x = stage(torch.cat([raised, skip], dim=1), latent)
        return self.out(x.to(self.masters))


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    latent_size: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    normalisation: Normalisation = layers.PixelNorm,
    output: conditional.Output = conditional.unbounded,
    bfloat16_stages: int = 0,
) -> Generator:
    """A U-Net from sources (batch, sources, h, w) to images (batch, channels, h, w), at any height and width.

    Depth follows from `shape` (channels, height, width), the size it is trained at: halved until a side would fall
    below 4, 6 times at most. `widths`, one a resolution and lowest first, replace those of `size` (tiny, small, base)
    and that depth. A latent (batch, latent_size) scales and shifts each channel of the decoder. The
    `bfloat16_stages` highest resolutions run in bfloat16, from and to float32 (float64 parameters: in float64). Raises
    InputError for another size word and for shapes that are not those of images.

    >>> net = generator((3, 32, 32), source_shape=(1, 32, 32), size="tiny")
    >>> net(torch.zeros(2, 1, 37, 53)).shape, len(net.encode(torch.zeros(2, 1, 37, 53)))
    (torch.Size([2, 3, 37, 53]), 4)
    """
    channels = conditional.channels_of(shape, source_shape, "players.unet")
    widths = widths_for(shape, size, widths)
    return Generator(channels, latent_size, widths, normalisation, output, bfloat16_stages)


def widths_for(shape: Sequence[int], size: str, widths: Sequence[int] | None) -> tuple[int, ...]:
    """The widths given, else those of the size with the depth that the shape allows; InputError for none or 0."""
    if widths is None:
        widths = conditional.widths_of(size, conditional.halvings_of(shape) + 1)
    return layers.check_widths(widths, max(len(widths), 1))
