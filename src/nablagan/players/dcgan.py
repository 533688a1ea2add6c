"""Plain convolutional players after DCGAN (Radford et al. 2016): the fast choice on a CPU.

# Unlike the paper: normalisation, if any, is per sample, weights start at He et al.'s scale, and outputs are linear
# unless `output` bounds them.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nablagan.players import layers
from nablagan.players.precision import Staged

SIZES = {"tiny": 32, "small": 128, "base": 512}
"""Width at the lowest resolution; each doubling of the resolution halves it."""
Block = Callable[[int, int], nn.Module]
"""(input width, output width) -> a module that doubles or halves the resolution."""
Normalisation = Callable[[int], nn.Module]
"""width -> a module that keeps the shape and couples no samples."""


class NearestConvolution(nn.Module):
    """Doubles the resolution: each pixel four times, then a 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = layers.Convolution(inputs, outputs, 3, gain=layers.LEAKY_RELU_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(interpolate(x, scale_factor=2.0, mode="nearest"))


class TransposedConvolution(nn.Module):
    """Doubles the resolution by a 4x4 transposed convolution with stride 2; four taps reach each pixel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        scale = layers.LEAKY_RELU_GAIN / (4 * inputs) ** 0.5
        self.weight = nn.Parameter(torch.randn(inputs, outputs, 4, 4) * scale)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return nn.functional.conv_transpose2d(x, weight, bias, stride=2, padding=1)


class Stage(nn.Module):
    """block, normalisation, [gain by the start], leaky ReLU, at one resolution."""

    def __init__(self, block: nn.Module, width: int, normalisation: Normalisation, gain_from: int) -> None:
        super().__init__()
        self.block, self.normalisation = block, normalisation(width)
        self.gain = layers.Linear(gain_from, width, gain=0.0) if gain_from else None

    def forward(self, x: Tensor, start: Tensor) -> Tensor:
        x = self.normalisation(self.block(x))
        if self.gain is not None:
            x = x * (1 + self.gain(start.to(x.dtype)))[:, :, None, None]
        return layers.leaky_relu(x)


class Generator(Staged):
    """(latent, label) -> images (batch, *shape): linear to the base resolution, doublings, a convolution."""

    def __init__(
        self,
        shape: Sequence[int],
        latent_size: int,
        classes: int,
        widths: Sequence[int],
        upsampling: Block,
        normalisation: Normalisation,
        gains: bool,
        output: layers.Output,
        bfloat16_stages: int,
    ) -> None:
        channels, height, width = layers.image_shape(shape, "players.dcgan")
        base_height, base_width, doublings = layers.stages(height, width)
        super().__init__(doublings + 1, bfloat16_stages)
        widths = layers.check_widths(widths, doublings + 1)
        self.start = layers.LatentAndLabel(latent_size, classes)
        self.base = (widths[0], base_height, base_width)
        linear = layers.Linear(self.start.width, widths[0] * base_height * base_width, layers.LEAKY_RELU_GAIN)
        gain_from = self.start.width if gains else 0
        blocks = [nn.Sequential(linear, nn.Unflatten(1, self.base))]
        blocks += [upsampling(a, b) for a, b in pairwise(widths)]
        self.stages = nn.ModuleList(
            Stage(block, width, normalisation, gain_from) for block, width in zip(blocks, widths, strict=True)
        )
        self.out, self.output = layers.Convolution(widths[-1], channels, 3), output

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        x = start = self.start(latent.to(self.masters), label)
        for number, stage in enumerate(self.stages):
            x = stage(self.entering(x, number), start)
        return self.output(self.out(x.to(self.masters)))


class Discriminator(Staged):
    """(images, label) -> logits (batch,): strided convolutions down to the base resolution, then linear."""

    def __init__(
        self, shape: Sequence[int], classes: int, widths: Sequence[int], kernel: int, bfloat16_stages: int
    ) -> None:
        channels, height, width = layers.image_shape(shape, "players.dcgan")
        base_height, base_width, doublings = layers.stages(height, width)
        super().__init__(doublings + 1, bfloat16_stages)
        widths = layers.check_widths(widths, doublings + 1)[::-1]
        gain = layers.LEAKY_RELU_GAIN
        halvings = pairwise(widths)
        self.shape = (channels, height, width)
        self.convolutions = nn.ModuleList(
            [layers.Convolution(channels, widths[0], 3, gain=gain)]
            + [layers.Convolution(a, b, kernel, stride=2, gain=gain) for a, b in halvings]
        )
        self.judgement = layers.Judgement(widths[-1] * base_height * base_width, classes)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        layers.check_samples(images, self.shape, "an image batch")
        x = images
        for number, convolution in reversed(list(enumerate(reversed(self.convolutions)))):
            x = layers.leaky_relu(convolution(self.entering(x, number)))
        return self.judgement(x.flatten(1).to(self.masters), label)


def generator(
    shape: Sequence[int],
    latent_size: int = 64,
    classes: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    upsampling: Block = NearestConvolution,
    normalisation: Normalisation = layers.PixelNorm,
    gains: bool = False,
    output: layers.Output = layers.unbounded,
    bfloat16_stages: int = 0,
) -> Generator:
    """A generator of images (batch, *shape); the label's embedding is appended to the latent.

    `widths`, one a resolution and lowest first, replace those of `size` (tiny, small, base). `upsampling` is
    NearestConvolution or TransposedConvolution, `normalisation` nn.Identity, layers.PixelNorm or any `width
    -> module` that couples no samples. With `gains` latent and label also scale each channel of each stage.
    Images go through `output`: layers.bounded keeps them in [-1, 1]. The `bfloat16_stages` highest resolutions run in
    bfloat16, from and to float32 (float64 parameters: in float64).
    Raises InputError for another size word and for shapes that `layers.stages` refuses.

    >>> import torch
    >>> generator((1, 28, 28), size="tiny")(torch.zeros(5, 64)).shape
    torch.Size([5, 1, 28, 28])
    """
    widths = _widths(shape, size) if widths is None else widths
    return Generator(shape, latent_size, classes, widths, upsampling, normalisation, gains, output, bfloat16_stages)


def discriminator(
    shape: Sequence[int],
    classes: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    kernel: int = 4,
    bfloat16_stages: int = 0,
) -> Discriminator:
    """A discriminator of images, with projection on the class embedding; the rest as in `generator`.

    >>> import torch
    >>> discriminator((1, 28, 28), size="tiny")(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5])
    """
    widths = _widths(shape, size) if widths is None else widths
    return Discriminator(shape, classes, widths, kernel, bfloat16_stages)


def _widths(shape: Sequence[int], size: str) -> tuple[int, ...]:
    """One width a resolution, lowest first: halved at each doubling, 8 at least."""
    base = layers.size_named(size, SIZES)
    _, height, width = layers.image_shape(shape, "players.dcgan")
    return tuple(max(base >> stage, 8) for stage in range(layers.stages(height, width)[2] + 1))
