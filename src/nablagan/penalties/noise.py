"""Noise of a penalty, a function of the pair alone: a counter-based generator keyed by each sample's latent.

Why not torch's generators: their draws are a hidden state, so the same batch would give another value at each call, a
resumed run other noise, and two processes other noise than one. Why not noise inside the batch: a penalty with K
directions needs K images of it for each sample. A latent is there in every batch, new for each sample, fixed by (seed,
images seen, index), and carried along when a batch is split; 64 bits hashed from it (SplitMix64's finaliser, Steele et
al. 2014) name the sample, and the same hash of name + counter gives its draws.
"""

import math

import torch
from torch import Tensor

from nablagan.types import InputError, Pair

_GOLDEN, _FIRST, _SECOND = (n - (1 << 64) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def uniform(pair: Pair, count: int, stream: int) -> Tensor:
    """Uniform draws in (0, 1), (batch, count), float64; each `stream` is independent of the others.

    The same pair and stream give the same draws, bit for bit. Raises InputError for a pair without a key.
    """
    counters = torch.arange(1, count + 1, device=pair.real.device) * _GOLDEN
    bits = _mixed(_names(pair, stream).unsqueeze(1) + counters)
    return (_shifted(bits, 11).double() + 0.5) * 2.0**-53


def normal(pair: Pair, count: int, stream: int) -> Tensor:
    """Standard normal draws, (batch, count), float64 (Box and Muller 1958), as `uniform`."""
    radius, angle = uniform(pair, 2 * ((count + 1) // 2), stream).chunk(2, 1)
    radius, angle = (-2 * radius.log()).sqrt(), 2 * math.pi * angle
    return torch.cat([radius * angle.cos(), radius * angle.sin()], 1)[:, :count]


def gaussian(pair: Pair, directions: int, size: int, stream: int) -> Tensor:
    """Standard normal directions v, (batch, directions, size): Var (g·v)^2 = 2 ||g||^4."""
    return normal(pair, directions * size, stream).unflatten(1, (directions, size))


def rademacher(pair: Pair, directions: int, size: int, stream: int) -> Tensor:
    """Directions of signs, (batch, directions, size): Var (g·v)^2 = 2 (||g||^4 - sum_i g_i^4)."""
    return (uniform(pair, directions * size, stream) - 0.5).sign().unflatten(1, (directions, size))


def orthonormal(pair: Pair, directions: int, size: int, stream: int) -> Tensor:
    """sqrt(size) times orthonormal directions, uniformly turned, (batch, directions, size).

    The mean of (g·v)^2 over K of them has variance 2 (d - K) / (K (d + 2)) ||g||^4 with d = size: none at K = d.
    Raises InputError for more directions than `size`.
    """
    if directions > size:
        raise InputError(f"{directions} orthonormal directions in {size} dimensions: give at most {size}")
    columns = torch.linalg.qr(gaussian(pair, directions, size, stream).transpose(1, 2))[0]
    return math.sqrt(size) * columns.transpose(1, 2)


def _names(pair: Pair, stream: int) -> Tensor:
    """A 64-bit name for each sample and stream, (batch,) int64."""
    if pair.key is None:
        raise InputError("this penalty draws noise and the pair has no key: give Pair(..., key=batch.latent)")
    key = pair.key.flatten(1).contiguous()
    bits = key.view(_INTEGERS[key.element_size()]).long()
    places = torch.arange(1, bits.shape[1] + 1, device=bits.device) * _GOLDEN
    return _mixed(_mixed(bits + places).sum(1) + stream)


def _mixed(bits: Tensor) -> Tensor:
    """SplitMix64's finaliser, a bijection of 64-bit integers; products wrap around."""
    bits = (bits ^ _shifted(bits, 30)) * _FIRST
    bits = (bits ^ _shifted(bits, 27)) * _SECOND
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Shifted right, zeros moving in."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
