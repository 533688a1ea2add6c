"""A generator whose own encoder also judges which place of its output belongs to which place of its input."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from nablagan.players import layers
from nablagan.types import InputError

PLACES = 64
"""Compared in each image and layer, at most."""
Compared = tuple[Tensor, Tensor]
"""Unit vectors (batch, places, projection) of the output and of the input at the same places, of one layer."""


class Contrasted(NamedTuple):
    """What the generator makes of a batch of sources x (and of targets y)."""

    images: Tensor
    """G(x)."""
    compared: tuple[Compared, ...]
    """G(x) with x, a layer each."""
    kept: tuple[Compared, ...]
    """G(y) with y, where asked for."""


class Contrastive(nn.Module):
    """(sources, targets, latent, offsets (batch,) in [0, 1)) -> `Contrasted`."""

    def __init__(self, net: Any, heads: Sequence[nn.Module], keeps: bool) -> None:
        super().__init__()
        self.net, self.heads, self.keeps = net, nn.ModuleList(heads), keeps

    def forward(self, source: Tensor, target: Tensor, latent: Tensor | None, offsets: Tensor) -> Contrasted:
        images, features = self.net(source, latent, True)
        compared = self._compared(images, [source, *features], offsets)
        if not self.keeps:
            return Contrasted(images, compared, ())
        same, features = self.net(target, latent, True)
        return Contrasted(images, compared, self._compared(same, [target, *features], offsets))

    def _compared(self, images: Tensor, keys: list[Tensor], offsets: Tensor) -> tuple[Compared, ...]:
        queries = [images, *self.net.encode(images)]
        return tuple(
            (normalize(head(at_places(query, offsets)), dim=2), normalize(head(at_places(key, offsets)), dim=2))
            for head, query, key in zip(self.heads, queries, keys, strict=True)
        )


class Head(nn.Module):
    """Two linear layers with a leaky ReLU between them, (batch, places, width) -> (batch, places, projection)."""

    def __init__(self, width: int, projection: int) -> None:
        super().__init__()
        self.first = layers.Linear(width, projection, layers.LEAKY_RELU_GAIN)
        self.second = layers.Linear(projection, projection)

    def forward(self, features: Tensor) -> Tensor:
        return self.second(layers.leaky_relu(self.first(features)))


def at_places(maps: Tensor, offsets: Tensor) -> Tensor:
    """Maps (batch, width, h, w) at min(PLACES, h w) places, (batch, places, width), in float32 or better.

    The places are spread evenly, no two alike, and begin where each sample's offset in [0, 1) says.
    """
    count = maps.shape[2] * maps.shape[3]
    first = (offsets * count).long().clamp(0, count - 1).unsqueeze(1)
    index = (first + stride(count) * torch.arange(min(PLACES, count), device=maps.device)) % count
    flat = maps.flatten(2).transpose(1, 2).to(torch.promote_types(maps.dtype, torch.float32))
    return flat.gather(1, index.unsqueeze(2).expand(-1, -1, flat.shape[2]))


def stride(count: int) -> int:
    """A number near the golden section of `count`, without a common divisor: its multiples visit every place once."""
    wanted = max(round(count * (math.sqrt(5) - 1) / 2), 1)
    return next(number for number in range(wanted, wanted + count + 1) if math.gcd(number, count) == 1)


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int],
    net: Callable[..., Any],
    latent_size: int = 0,
    keeps: bool = True,
    projection: int = 64,
    **options: Any,
) -> Contrastive:
    """A generator built by `net(shape, source_shape, latent_size, **options)`, with a head for each encoder layer.

    `projection`: the heads' width. `keeps`: whether it is also given images of the target domain. Raises InputError
    where images of the two domains have different numbers of channels: one encoder sees both.
    """
    if shape[0] != source_shape[0]:
        raise InputError(
            f"sources have {source_shape[0]} channels and targets {shape[0]}: contrastive translation needs as many, "
            "convert one with --channels and --source-channels"
        )
    built = net(shape, source_shape=source_shape, latent_size=latent_size, **options)
    with torch.no_grad():
        widths = [features.shape[1] for features in built.encode(torch.zeros(1, *source_shape))]
    return Contrastive(built, [Head(width, projection) for width in (source_shape[0], *widths)], keeps)
