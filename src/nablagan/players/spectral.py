"""Spectral normalisation as the field uses it (Miyato et al. 2018), for any player."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from nablagan.players.dcgan import TransposedConvolution
from nablagan.types import InputError

Player = TypeVar("Player", bound=nn.Module)


def spectral_normalised(player: Player) -> Player:
    """The player, changed in place: every weight matrix or kernel W becomes W / sigma(W), its largest singular value.

    By PyTorch's parametrization: one power iteration a forward pass in training, its vectors taken as constants. A
    game's products hold them still (`pure.frozen`), so they are those of a fixed scale's direction: the derivative of
    sigma itself is exact to first order only; `penalties.spectral_norms` is exact to any order. Make it before the
    optimiser, which must hold the new parameters. Weights of one dimension stay as they are.

    Raises InputError for a weight that is zero, as R3GAN's residual blocks start, and for one normalised already.

    >>> layer = spectral_normalised(nn.Linear(2, 1))
    >>> round(layer.weight.norm().item(), 4)
    1.0
    """
    matrices = [(path, part) for path, part in player.named_modules() if _has_matrix(part)]
    for path, part in matrices:
        if parametrize.is_parametrized(part, "weight"):
            raise InputError(f"{path}.weight is parametrized already: normalise a player once")
        if not torch.count_nonzero(part.get_parameter("weight")):
            raise InputError(
                f"{path}.weight is zero, so it has no largest singular value to divide by: "
                "start it elsewhere, or use penalties.spectral_norms"
            )
    for _, part in matrices:
        spectral_norm(part, dim=1 if isinstance(part, TransposedConvolution) else None)
    return player


def spectral(shape: tuple[int, ...], of: Callable[..., nn.Module], **options: Any) -> nn.Module:
    """`of(shape, **options)` with spectral normalisation; as a run's settings: build=spectral, options={"of": ...}.

    >>> from nablagan.players import dcgan
    >>> spectral((1, 8, 8), of=dcgan.discriminator, size="tiny")(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5])
    """
    return spectral_normalised(of(shape, **options))


def _has_matrix(part: nn.Module) -> bool:
    weight = getattr(part, "weight", None)
    return (
        isinstance(weight, torch.Tensor) and weight.ndim >= 2 and not isinstance(part, parametrize.ParametrizationList)
    )
