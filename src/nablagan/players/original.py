"""The generators of pix2pix and CycleGAN as their authors' PyTorch project defines them, for weights that exist.

Structure and names of parameters are those of its published networks (Isola et al. 2017, appendix 6.1; Zhu et al. 2017,
appendix 7.2; Johnson et al. 2016), so that its state dicts load as they are; sides that do not fit are padded and
cropped. Instance norm is per image and without weights; batch norm couples samples until `eval()`, then it uses its
running statistics; dropout, until then, draws from torch's own generator. For new trainings prefer `unet` and `resnet`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from nablagan.players import conditional
from nablagan.players.conditional import Normalisation, instance_norm
from nablagan.types import InputError


def batch_norm(width: int) -> nn.Module:
    """Each channel standardised over the batch, with weights and running statistics (Ioffe and Szegedy 2015)."""
    return nn.BatchNorm2d(width)


class Original(nn.Module, ABC):
    """source (batch, sources, h, w) -> images in [-1, 1]; `model` has the names of the published state dicts.

    Abstract: a subclass says what its `steps` are, each of which makes a map, and what `image` follows from the maps.
    """

    model: nn.Module

    def __init__(self, source_channels: int, multiple: int, least: int) -> None:
        super().__init__()
        self.source_channels, self.multiple, self.least = source_channels, multiple, least

    def forward(
        self, source: Tensor, latent: Tensor | None = None, features: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        maps = self.encode(source)
        image = self.image(maps)[..., : source.shape[-2], : source.shape[-1]]
        return (image, maps) if features else image

    def encode(self, source: Tensor) -> list[Tensor]:
        """The encoder's feature maps (batch, width, h, w), highest resolution first."""
        conditional.check_channels(source, self.source_channels, "a source")
        x, found = source.to(next(self.parameters()).dtype), []
        x = conditional.at_least(conditional.to_multiple(x, self.multiple), self.least, self.least)
        for step in self.steps():
            x = step(x)
            found.append(x)
        return found

    @abstractmethod
    def steps(self) -> list[nn.Module]:
        """The encoder's parts, one a map."""

    @abstractmethod
    def image(self, maps: list[Tensor]) -> Tensor:
        """What the rest makes of the maps."""


class SkipBlock(nn.Module):
    """`model` in a row: on the way down, the block inside, on the way up."""

    def __init__(self, down: Sequence[nn.Module], inside: "SkipBlock | None", up: Sequence[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*down, *([] if inside is None else [inside]), *up)
        self.down, self.up = slice(0, len(down)), slice(-len(up), None)


class UNet(Original):
    """`halvings` 4x4 convolutions of stride 2 down, as many transposed ones up, each joined to the map of its size."""

    def __init__(
        self,
        channels: tuple[int, int],
        halvings: int,
        width: int,
        normalisation: Normalisation,
        bias: bool,
        dropout: bool,
    ) -> None:
        super().__init__(channels[1], 2**halvings, 2**halvings)
        widths, block = [width * min(2**level, 8) for level in range(halvings)], None
        for level in range(halvings - 1, 0, -1):
            dropped = dropout and 4 <= level < halvings - 1
            block = _skip_block(widths[level - 1], widths[level], block, normalisation, bias, dropped)
        down = [nn.Conv2d(channels[1], width, 4, 2, 1, bias=bias)]
        self.model = SkipBlock(down, block, [nn.ReLU(), nn.ConvTranspose2d(2 * width, channels[0], 4, 2, 1), nn.Tanh()])
        self.apply(_initialise)

    def steps(self) -> list[nn.Module]:
        """One for each halving."""
        return [block.model[block.down] for block in self._blocks()]

    def image(self, maps: list[Tensor]) -> Tensor:
        """The way up: each block's outcome joined to the map that it began with."""
        *outer, innermost = self._blocks()
        x = innermost.model[innermost.up](maps[-1])
        for block, begun in zip(outer[::-1], maps[-2::-1], strict=True):
            x = block.model[block.up](torch.cat([begun, x], dim=1))
        return x

    def _blocks(self) -> list[SkipBlock]:
        """Outermost first."""
        return [module for module in self.modules() if isinstance(module, SkipBlock)]


def _skip_block(
    outer: int, inner: int, inside: SkipBlock | None, normalisation: Normalisation, bias: bool, dropout: bool
) -> SkipBlock:
    """outer -> inner channels and back; the innermost block, which has nothing inside, is not normalised going down."""
    down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=bias)]
    below = inner if inside is None else 2 * inner
    up = [nn.ReLU(), nn.ConvTranspose2d(below, outer, 4, 2, 1, bias=bias), normalisation(outer)]
    if inside is not None:
        down.append(normalisation(inner))
    return SkipBlock(down, inside, [*up, nn.Dropout(0.5)] if dropout else up)


class ConvolutionBlock(nn.Module):
    """x + conv_block(x): two 3x3 convolutions with reflected borders, each normalised, a ReLU and dropout between."""

    def __init__(self, width: int, normalisation: Normalisation, bias: bool, dropout: bool) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), normalisation(width)]

        between = [nn.ReLU(), nn.Dropout(0.5)] if dropout else [nn.ReLU()]
        self.conv_block = nn.Sequential(*convolution(), *between, *convolution())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class ResNet(Original):
    """A 7x7 convolution, two halvings, residual blocks, two doublings, a 7x7 convolution."""

    def __init__(
        self,
        channels: tuple[int, int],
        blocks: int,
        width: int,
        normalisation: Normalisation,
        bias: bool,
        dropout: bool,
    ) -> None:
        super().__init__(channels[1], 4, 8)

        def after(convolution: nn.Module, outputs: int) -> list[nn.Module]:
            return [convolution, normalisation(outputs), nn.ReLU()]

        down = [nn.ReflectionPad2d(3), *after(nn.Conv2d(channels[1], width, 7, bias=bias), width)]
        up = [nn.ReflectionPad2d(3), nn.Conv2d(width, channels[0], 7), nn.Tanh()]
        for inputs, outputs in ((width, 2 * width), (2 * width, 4 * width)):
            down += after(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=bias), outputs)
            up = [*after(nn.ConvTranspose2d(outputs, inputs, 3, 2, 1, 1, bias=bias), inputs), *up]
        middle = [ConvolutionBlock(4 * width, normalisation, bias, dropout) for _ in range(blocks)]
        self.model = nn.Sequential(*down, *middle, *up)
        self.cuts = [0, 4, 7, *range(len(down), len(down) + blocks // 2 + 1)]
        self.apply(_initialise)

    def steps(self) -> list[nn.Module]:
        """One for each resolution, then one for each of the first half of the blocks."""
        assert isinstance(self.model, nn.Sequential)
        return [self.model[start:end] for start, end in pairwise(self.cuts)]

    def image(self, maps: list[Tensor]) -> Tensor:
        """The other half of the blocks, and the way up."""
        assert isinstance(self.model, nn.Sequential)
        return self.model[self.cuts[-1] :](maps[-1])


def _initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02²), of batch norm N(1, 0.02²), biases 0 (Isola et al. 2017, appendix 6.2)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
        nn.init.normal_(module.weight, float(isinstance(module, nn.BatchNorm2d)), 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def unet(
    shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    latent_size: int = 0,
    halvings: int = 8,
    width: int = 64,
    normalisation: Normalisation = instance_norm,
    bias: bool = True,
    dropout: bool = False,
) -> UNet:
    """pix2pix's U-Net, made for sides that are multiples of 2^halvings; `unet_128`, `unet_256` are the published ones.

    `bias` is that of normalised convolutions: the project has it with instance norm and not with batch norm. Raises
    InputError for a latent size above 0 (this generator takes no latent) and fewer than 5 halvings.
    """
    channels = _channels(shape, source_shape, latent_size)
    if halvings < 5 or width < 1:
        raise InputError(f"halvings={halvings}, width={width}: give 5 or more halvings and a positive width")
    return UNet(channels, halvings, width, normalisation, bias, dropout)


def resnet(
    shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    latent_size: int = 0,
    blocks: int = 9,
    width: int = 64,
    normalisation: Normalisation = instance_norm,
    bias: bool = True,
    dropout: bool = False,
) -> ResNet:
    """CycleGAN's residual generator; `resnet_6blocks`, `resnet_9blocks` are the published. The rest as in `unet`.

    >>> net = resnet((3, 256, 256), source_shape=(1, 256, 256), width=2)
    >>> net(torch.zeros(1, 1, 21, 30)).shape
    torch.Size([1, 3, 21, 30])
    """
    channels = _channels(shape, source_shape, latent_size)
    if blocks < 0 or width < 1:
        raise InputError(f"blocks={blocks}, width={width}: give 0 or more blocks and a positive width")
    return ResNet(channels, blocks, width, normalisation, bias, dropout)


def unet_128(shape: Sequence[int], source_shape: Sequence[int] | None = None, **more: Any) -> UNet:
    """pix2pix's generator for 128x128 images: seven halvings; the rest as in `unet`."""
    return unet(shape, source_shape, halvings=7, **more)


def unet_256(shape: Sequence[int], source_shape: Sequence[int] | None = None, **more: Any) -> UNet:
    """pix2pix's generator for 256x256 images: eight halvings; the rest as in `unet`."""
    return unet(shape, source_shape, halvings=8, **more)


def resnet_6blocks(shape: Sequence[int], source_shape: Sequence[int] | None = None, **more: Any) -> ResNet:
    """CycleGAN's generator for 128x128 images; the rest as in `resnet`."""
    return resnet(shape, source_shape, blocks=6, **more)


def resnet_9blocks(shape: Sequence[int], source_shape: Sequence[int] | None = None, **more: Any) -> ResNet:
    """CycleGAN's generator for images of 256x256 and more; the rest as in `resnet`."""
    return resnet(shape, source_shape, blocks=9, **more)


def _channels(shape: Sequence[int], source_shape: Sequence[int] | None, latent_size: int) -> tuple[int, int]:
    if latent_size:
        raise InputError(f"latent_size={latent_size}: the original generators take no latent, leave it at 0")
    return conditional.channels_of(shape, source_shape, "players.original")
