"""Players that hold two nets, one for each way between two domains of images."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn


class Ways(NamedTuple):
    """What both generators make of a batch of sources x and one of targets y: G goes there, F back."""

    images: Tensor
    """G(x)."""
    returned_source: Tensor
    """F(G(x))."""
    back: Tensor
    """F(y)."""
    returned_target: Tensor
    """G(F(y))."""
    kept: tuple[Tensor, ...] = ()
    """G(y), F(x), where asked for: what has nothing to be translated."""


class TwoWays(nn.Module):
    """(sources, targets, latent) -> `Ways`; the latent is for the way there."""

    def __init__(self, there: nn.Module, back: nn.Module, keeps: bool) -> None:
        super().__init__()
        self.there, self.back, self.keeps = there, back, keeps

    def forward(self, source: Tensor, target: Tensor, latent: Tensor | None = None) -> Ways:
        images, back = self.there(source, latent), self.back(target)
        kept = (self.there(target, latent), self.back(source)) if self.keeps else ()
        return Ways(images, self.back(images), back, self.there(back, latent), kept)


class TwoJudges(nn.Module):
    """(images, label, features, of_source) -> logits of the discriminator of targets, or of the one of sources."""

    def __init__(self, of_targets: nn.Module, of_sources: nn.Module) -> None:
        super().__init__()
        self.of_targets, self.of_sources = of_targets, of_sources

    def forward(
        self, images: Tensor, label: Tensor | None = None, features: bool = False, of_source: bool = False
    ) -> Any:
        return (self.of_sources if of_source else self.of_targets)(images, label, features)


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int],
    net: Callable[..., nn.Module],
    latent_size: int = 0,
    keeps: bool = False,
    **options: Any,
) -> TwoWays:
    """Two generators built by `net(shape, source_shape, latent_size, **options)`; the way back takes no latent.

    `keeps`: whether each is also given images of its own target domain, which needs equal numbers of channels.
    """
    there = net(shape, source_shape=source_shape, latent_size=latent_size, **options)
    return TwoWays(there, net(source_shape, source_shape=shape, latent_size=0, **options), keeps)


def discriminator(
    shape: Sequence[int], source_shape: Sequence[int], net: Callable[..., nn.Module], **options: Any
) -> TwoJudges:
    """Two discriminators built by `net(shape, **options)`, of targets and of sources."""
    return TwoJudges(net(shape, **options), net(source_shape, **options))
