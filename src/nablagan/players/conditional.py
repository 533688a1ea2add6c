"""What the players of translation and completion share: any height and width, a latent where wanted, widths.

A conditional generator makes an image from a source: `(source (batch, sources, h, w), latent (batch, latent_size) or
None) -> images (batch, channels, h, w)` at any height and width from 1 on. It repeats the last row and column up to the
multiple that it halves without a rest, and crops the image. `encode(source)` gives its feature maps, highest resolution
first, which no latent has touched; `generator(source, latent, features=True)` gives both.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nablagan.players import layers
from nablagan.players.precision import Staged
from nablagan.types import InputError

SIZES = {"tiny": 32, "small": 128, "base": 512}
"""Largest width; an eighth of it at full resolution (8 at least), doubled at each halving."""
LARGEST_HALVINGS = 6
REACH = 1.05
"""How far images of `from_source` go beyond [-1, 1], so that black and white are no ends where gradients vanish."""
SMALL = 0.3
"""Gain of the last convolution at the start where the output starts from the source and a latent has to matter."""
Normalisation = Callable[[int], nn.Module]
"""width -> a module that keeps the shape and couples no samples."""
Output = Callable[[Tensor, Tensor], Tensor]
"""(what the last convolution gives (batch, channels, h, w), the source (batch, sources, h, w)) -> images."""


def unbounded(x: Tensor, source: Tensor) -> Tensor:
    """x: images are linear in the last features."""
    return x


def bounded(x: Tensor, source: Tensor) -> Tensor:
    """tanh x, in [-1, 1]."""
    return torch.tanh(x)


def from_source(x: Tensor, source: Tensor) -> Tensor:
    """REACH tanh(x + artanh(s / REACH)), which is s at x = 0, where s are the source's channels, cut to [-1, 1].

    Of a source with more channels than the images these are the first; where it has fewer, its last stands in.
    """
    start = source[:, : x.shape[1]]
    if (fewer := x.shape[1] - start.shape[1]) > 0:
        start = torch.cat([start, start[:, -1:].expand(-1, fewer, -1, -1)], dim=1)
    return REACH * torch.tanh(x + torch.atanh(start.clamp(-1, 1) / REACH))


def can_start(shape: Sequence[int], source_shape: Sequence[int]) -> bool:
    """Whether `from_source` makes sense: equal channels, a mask beside them, or grey for all (channels first)."""
    return source_shape[0] in (1, shape[0], shape[0] + 1)


def without(width: int) -> nn.Module:
    """No normalisation."""
    return nn.Identity()


def instance_norm(width: int) -> nn.Module:
    """Each channel of each sample to mean 0 and variance 1, of elementary operations (Ulyanov et al. 2016)."""
    return layers.ComposedInstanceNorm(width, 2)


class ConditionalGenerator(Staged, ABC):
    """What every conditional generator does with its source and latent; a subclass says how maps become an image.

    Abstract: `maps(source)` are the encoder's feature maps of a source whose sides are multiples of `multiple`,
    highest resolution first, and `image(source, maps, latent)` is what is made of them. Raises InputError for sources
    of other channels, and for a latent that is missing or of another size; with latent_size 0 a latent is ignored.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        latent_size: int,
        widths: Sequence[int],
        output: Output,
        bfloat16_stages: int,
    ) -> None:
        super().__init__(len(widths), bfloat16_stages)
        if latent_size < 0:
            raise InputError(f"latent_size={latent_size}: give 0 or more")
        self.channels, self.source_channels = channels
        self.latent_size, self.multiple, self.output = latent_size, 2 ** (len(widths) - 1), output

    def forward(
        self, source: Tensor, latent: Tensor | None = None, features: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        check_channels(source, self.source_channels, "a source")
        height, width = source.shape[-2:]
        padded = to_multiple(source.to(self.masters), self.multiple)
        maps = self.maps(padded)
        made = self.image(padded, maps, self._latent(latent, len(source)))
        image = self.output(made, padded)[..., :height, :width]
        return (image, self._wide(maps)) if features else image

    def encode(self, source: Tensor) -> list[Tensor]:
        """The encoder's feature maps (batch, width, h, w), highest resolution first, in the parameters' dtype."""
        check_channels(source, self.source_channels, "a source")
        return self._wide(self.maps(to_multiple(source.to(self.masters), self.multiple)))

    @abstractmethod
    def maps(self, source: Tensor) -> list[Tensor]:
        """The encoder's feature maps, in whatever dtype they run."""

    @abstractmethod
    def image(self, source: Tensor, maps: list[Tensor], latent: Tensor | None) -> Tensor:
        """The image before `output`, in the dtype of the parameters."""

    def _last(self, width: int, kernel: int) -> layers.Convolution:
        """The convolution that `image` ends with.

        An output from the source starts there: weights are 0, or with a latent, which has to matter, small.
        """
        small = SMALL if self.latent_size else 0.0
        return layers.Convolution(width, self.channels, kernel, gain=small if self.output is from_source else 1.0)

    def _latent(self, latent: Tensor | None, batch: int) -> Tensor | None:
        if not self.latent_size:
            return None
        if latent is None:
            raise InputError(f"no latent: this generator takes one (batch, {self.latent_size})")
        layers.check_samples(latent, (self.latent_size,), "latent")
        if len(latent) != batch:
            raise InputError(f"{len(latent)} latents for {batch} sources: give one a source")
        return latent.to(self.masters)

    def _wide(self, maps: list[Tensor]) -> list[Tensor]:
        return [x.to(self.masters) for x in maps]


class Modulation(nn.Module):
    """x (1 + gain) + shift, one gain and shift a channel, both linear in the latent; x itself without a latent.

    Both have standard deviation 1/2 at the start, so the latent matters from the first step on.
    """

    def __init__(self, latent_size: int, width: int) -> None:
        super().__init__()
        self.linear = layers.Linear(latent_size, 2 * width, gain=0.5) if latent_size else None

    def forward(self, x: Tensor, latent: Tensor | None) -> Tensor:
        if self.linear is None or latent is None:
            return x
        gain, shift = self.linear(latent.to(x.dtype))[:, :, None, None].chunk(2, dim=1)
        return x * (1 + gain) + shift


class Stage(nn.Module):
    """Convolution, normalisation, modulation by the latent, leaky ReLU."""

    def __init__(
        self, inputs: int, width: int, kernel: int, stride: int, normalisation: Normalisation, latent_size: int = 0
    ) -> None:
        super().__init__()
        self.block = layers.Convolution(inputs, width, kernel, stride=stride, gain=layers.LEAKY_RELU_GAIN)
        self.normalisation, self.modulation = normalisation(width), Modulation(latent_size, width)

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        return layers.leaky_relu(self.modulation(self.normalisation(self.block(x)), latent))


def to_multiple(x: Tensor, multiple: int) -> Tensor:
    """x (..., h, w) with its last row and column repeated until both sides are multiples.

    >>> to_multiple(torch.arange(3.0).view(1, 3), 4)[-1]
    tensor([0., 1., 2., 2.])
    """
    height, width = (math.ceil(side / multiple) * multiple for side in x.shape[-2:])
    return at_least(x, height, width)


def at_least(x: Tensor, height: int, width: int) -> Tensor:
    """x (..., h, w) with its last row and column repeated until it is at least (height, width)."""
    if (down := height - x.shape[-2]) > 0:
        x = torch.cat([x, x[..., -1:, :].expand(*x.shape[:-2], down, -1)], dim=-2)
    if (across := width - x.shape[-1]) > 0:
        x = torch.cat([x, x[..., -1:].expand(*x.shape[:-1], across)], dim=-1)
    return x


def channels_of(shape: Sequence[int], source_shape: Sequence[int] | None, player: str) -> tuple[int, int]:
    """(channels of the image, channels of the source); without a source shape it is that of the image.

    Raises InputError for what is not a shape of images.
    """
    shapes = (shape, shape if source_shape is None else source_shape)
    channels, sources = (layers.image_shape(one, player)[0] for one in shapes)
    return channels, sources


def check_channels(images: Tensor, channels: int, name: str) -> None:
    """Raise InputError unless `images` is (batch, channels, h, w)."""
    if images.ndim != 4 or images.shape[1] != channels:
        raise InputError(
            f"{name} has shape {tuple(images.shape)}: this player takes (batch, {channels}, height, width)"
        )


def halvings_of(shape: Sequence[int]) -> int:
    """How often the smaller side can be halved without falling below 4, 6 times at most.

    >>> halvings_of((3, 64, 96)), halvings_of((1, 37, 53)), halvings_of((1, 1, 1))
    (4, 3, 0)
    """
    return min(max(int(math.log2(min(shape[-2:]) / 4)), 0), LARGEST_HALVINGS)


def widths_of(size: str, count: int) -> tuple[int, ...]:
    """One width a resolution, lowest first: an eighth of the largest at full resolution, doubled at each halving.

    >>> widths_of("small", 5)
    (128, 128, 64, 32, 16)
    """
    largest = layers.size_named(size, SIZES)
    return tuple(max(min(largest, largest // 8 << stage), 8) for stage in range(count))[::-1]
