"""A discriminator of patches (Isola et al. 2017, section 3.2.2), at one or several scales (Wang et al. 2018).

# Unlike the papers: no normalisation by default, for the penalties' sake, and no layer couples samples.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from nablagan.players import conditional
from nablagan.players.conditional import Normalisation, Stage
from nablagan.players.layers import LEAKY_RELU_GAIN, Convolution, LabelEmbedding, check_widths, size_named
from nablagan.players.precision import Staged
from nablagan.types import InputError

SIZES = {"tiny": 8, "small": 32, "base": 64}
"""Width of the first convolution; doubled at each further one, eightfold at most."""


class Scale(Staged):
    """(images, label) -> (logits (batch, h, w), features): 4x4 convolutions, all but the last two of stride 2."""

    def __init__(
        self, channels: int, classes: int, widths: tuple[int, ...], normalisation: Normalisation, bfloat16_stages: int
    ) -> None:
        super().__init__(len(widths), bfloat16_stages)
        self.least = 3 * 2 ** (len(widths) - 1)
        strides = [2] * (len(widths) - 1) + [1]
        norms = [conditional.without] + [normalisation] * (len(widths) - 1)
        self.stages = nn.ModuleList(
            Stage(Convolution(inputs, width, 4, stride=stride, gain=LEAKY_RELU_GAIN), width, norm)
            for (inputs, width), stride, norm in zip(pairwise([channels, *widths]), strides, norms, strict=True)
        )
        self.embedding = LabelEmbedding(classes, widths[-1]) if classes else None
        self.out = Convolution(widths[-1], 1, 4)

    def forward(self, images: Tensor, label: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        x, features = conditional.at_least(images, self.least, self.least), []
        for number, stage in enumerate(self.stages):
            x = stage(self.entering(x, len(self.stages) - 1 - number))
            features.append(x.to(self.masters))
        last = features[-1]
        if self.embedding is not None:
            last = last * (1 + self.embedding(label, len(images)))[:, :, None, None]
        return self.out(last).squeeze(1), features


class Discriminator(nn.Module):
    """(images, label) -> logits (batch, patches): a network for each scale, all places of all scales in a row."""

    def __init__(self, channels: int, scales: Sequence[Scale]) -> None:
        super().__init__()
        self.channels, self.scales = channels, nn.ModuleList(scales)

    def forward(
        self, images: Tensor, label: Tensor | None = None, features: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        conditional.check_channels(images, self.channels, "an image batch")
        logits, found, x = [], [], images.to(next(self.parameters()).dtype)
        for number, scale in enumerate(self.scales):
            x = halved(x) if number else x
            judged, maps = scale(x, label)
            logits.append(judged.flatten(1))
            found += maps
        row = torch.cat(logits, dim=1)
        return (row, found) if features else row


def halved(images: Tensor) -> Tensor:
    """Half the resolution, by means over 3x3 pixels; at borders over those that there are."""
    return avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)


def receptive_field(layers: int) -> int:
    """The side of the patch, in pixels, that a logit of the first scale sees.

    >>> [receptive_field(layers) for layers in (1, 2, 3, 4)]
    [16, 34, 70, 142]
    """
    return 2**layers * 7 + 2 * (2**layers - 1)


def discriminator(
    shape: Sequence[int],
    classes: int = 0,
    source_shape: Sequence[int] | None = None,
    size: str = "small",
    layers: int = 3,
    scales: int = 1,
    widths: Sequence[int] | None = None,
    normalisation: Normalisation = conditional.without,
    bfloat16_stages: int = 0,
) -> Discriminator:
    """A discriminator of images (batch, channels + sources, h, w), with logits (batch, patches) of every place.

    `source_shape` is None where it sees no source. `layers` convolutions of stride 2 make patches of
    `receptive_field(layers)` pixels (70 for 3); `scales` networks of the same form judge the images at full, half,
    quarter ... resolution. `widths`, first to last, one for each convolution but the last (`layers` + 1), replace those
    of `size`. A label scales the last features. Images smaller than 3 * 2^layers are extended by their last row and
    column. With features=True it returns `(logits, features)`, all hidden maps (batch, width, h, w) in the
    parameters' dtype, for feature matching. Raises InputError for another size word, and for counts that do not fit.

    >>> judge = discriminator((3, 64, 64), source_shape=(1, 64, 64), size="tiny", scales=2)
    >>> judge(torch.zeros(2, 4, 64, 64)).shape
    torch.Size([2, 40])
    """
    if layers < 1 or scales < 1:
        raise InputError(f"layers={layers}, scales={scales}: give 1 or more of each")
    channels, sources = conditional.channels_of(shape, source_shape, "players.patch")
    channels += 0 if source_shape is None else sources
    if widths is None:
        first = size_named(size, SIZES)
        widths = [first * min(2**layer, 8) for layer in range(layers + 1)]
    widths = check_widths(widths, layers + 1)
    return Discriminator(
        channels, [Scale(channels, classes, widths, normalisation, bfloat16_stages) for _ in range(scales)]
    )
