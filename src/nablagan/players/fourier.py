"""A generator of fast Fourier convolutions (Chi et al. 2020; Suvorov et al. 2022, LaMa): each sees the whole image.

The Fourier transform of real images is written as products with matrices of cosines and sines, made anew from the size
in each forward pass: a network exports to formats without transforms, its derivatives of any order are those of
products, and nothing is kept. For h x w it takes O(h w (h + w)) operations.

# Unlike the papers: normalisation couples no samples and is left out between the transforms, where it would flatten the
# spectrum; ReLUs are leaky; outputs are linear unless bounded.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nablagan.players import conditional, layers, resnet
from nablagan.players.conditional import Modulation, Normalisation
from nablagan.types import InputError


class Basis(NamedTuple):
    """Cosines and sines of the transform of h x w images, scaled to an orthonormal transform."""

    cosines: Tensor
    """(h, h) cos(2π j k / h) / √h."""
    sines: Tensor
    """(h, h), likewise."""
    row_cosines: Tensor
    """(w, w // 2 + 1) cos(2π j k / w) / √w: a real row's spectrum is known from its half."""
    row_sines: Tensor
    """(w, w // 2 + 1), likewise."""


def basis_of(x: Tensor) -> Basis:
    """The basis for images (..., h, w), in their dtype and on their device; of float32 for narrower dtypes."""
    height, width = x.shape[-2:]
    return Basis(*_waves(height, height, x), *_waves(width, width // 2 + 1, x))


def _waves(length: int, count: int, x: Tensor) -> tuple[Tensor, Tensor]:
    """(length, count) cosines and sines; j k is taken modulo the length while it is an integer."""
    j, k = (torch.arange(n, device=x.device) for n in (length, count))
    angle = (torch.outer(j, k) % length).to(_wide(x.dtype)) * (2 * math.pi / length)
    return angle.cos() / length**0.5, angle.sin() / length**0.5


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def transform(x: Tensor, basis: Basis | None = None) -> tuple[Tensor, Tensor]:
    """Real and imaginary part (..., h, w // 2 + 1) of the orthonormal 2-D Fourier transform of real x (..., h, w).

    >>> real, imaginary = transform(torch.ones(1, 4, 4))
    >>> float(real[0, 0, 0]), real.shape
    (4.0, torch.Size([1, 4, 3]))
    """
    C, S, c, s = basis_of(x) if basis is None else basis
    x = x.to(C.dtype)
    real, imaginary = x @ c, -(x @ s)
    return C @ real + S @ imaginary, C @ imaginary - S @ real


def inverse(real: Tensor, imaginary: Tensor, basis: Basis) -> Tensor:
    """The real images (..., h, w) of these spectra (..., h, w // 2 + 1): what `torch.fft.irfft2` gives for them."""
    C, S, c, s = basis
    rows, across = C @ real - S @ imaginary, C @ imaginary + S @ real
    width, count = c.shape
    k = torch.arange(count, device=c.device)
    twice = torch.where((k == 0) | (2 * k == width), 1.0, 2.0).to(
        c.dtype
    )  # the other half is the conjugate of this one
    return rows @ (c * twice).T - across @ (s * twice).T


class SpectralTransform(nn.Module):
    """1x1 convolution to half the width, U, 1x1 convolution: U is x plus a 1x1 convolution of its spectrum.

    The spectrum's real and imaginary parts are channels of their own, which a leaky ReLU follows (Chi et al. 2020,
    figure 2, without the local unit).
    """

    def __init__(self, inputs: int, outputs: int, normalisation: Normalisation) -> None:
        super().__init__()
        hidden = max(outputs // 2, 1)
        gain = layers.LEAKY_RELU_GAIN
        self.enter = layers.Convolution(inputs, hidden, 1, gain=gain)
        self.normalisation = normalisation(hidden)
        self.spectrum = layers.Convolution(2 * hidden, 2 * hidden, 1, gain=gain)
        self.leave = layers.Convolution(hidden, outputs, 1)

    def forward(self, x: Tensor, basis: Basis) -> Tensor:
        x = layers.leaky_relu(self.normalisation(self.enter(x)))
        spectrum = layers.leaky_relu(self.spectrum(torch.cat(transform(x, basis), dim=1)))
        real, imaginary = spectrum.chunk(2, dim=1)
        filtered = inverse(real, imaginary, basis).to(x.dtype)
        return self.leave(x + filtered)


class FourierConvolution(nn.Module):
    """(batch, width, h, w) -> the same: the first channels are local, the last `width_global` see the whole image.

    Local ones come by a 3x3 convolution from all, global ones by one from the local and by the spectral transform from
    the global ones (Chi et al. 2020, equations 1 and 2).
    """

    def __init__(self, width: int, width_global: int, normalisation: Normalisation, gain: float) -> None:
        super().__init__()
        self.widths = (width - width_global, width_global)
        self.to_local = layers.Convolution(width, self.widths[0], 3, gain=gain)
        self.to_global = layers.Convolution(self.widths[0], width_global, 3, gain=gain * 0.5**0.5)
        self.spectral = SpectralTransform(width_global, width_global, normalisation)
        self.gain = gain * 0.5**0.5

    def forward(self, x: Tensor, basis: Basis) -> Tensor:
        near, far = x.split(self.widths, dim=1)
        return torch.cat([self.to_local(x), self.to_global(near) + self.gain * self.spectral(far, basis)], dim=1)


class FourierBlock(nn.Module):
    """x + F₂ φ(m(n(F₁ x))): two Fourier convolutions, normalisation n, modulation m by the latent, leaky ReLU φ."""

    def __init__(
        self, width: int, blocks: int, normalisation: Normalisation, latent_size: int, global_ratio: float
    ) -> None:
        super().__init__()
        width_global = min(max(round(width * global_ratio), 1), width - 1)
        self.first = FourierConvolution(width, width_global, normalisation, layers.LEAKY_RELU_GAIN)
        self.normalisation, self.modulation = normalisation(width), Modulation(latent_size, width)
        self.second = FourierConvolution(width, width_global, normalisation, blocks**-0.5)

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        basis = basis_of(x)
        hidden = self.modulation(self.normalisation(self.first(x, basis)), latent)
        return x + self.second(layers.leaky_relu(hidden), basis)


def generator(
    shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    latent_size: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    blocks: int | None = None,
    global_ratio: float = 0.75,
    normalisation: Normalisation = layers.PixelNorm,
    output: conditional.Output = conditional.unbounded,
    bfloat16_stages: int = 0,
) -> resnet.Generator:
    """LaMa's generator: halvings, residual blocks of fast Fourier convolutions, doublings (Suvorov et al. 2022).

    Sides are halved three times, less where that would leave a side of `shape` below 8. Of the lowest width, the part
    `global_ratio` is global. The rest as in `resnet.generator`. For completion the source is what `tasks.with_hole`
    gives, with the mask as last channel. Raises InputError as that does, and for a ratio that is not between 0 and 1 or
    a lowest width below 2.

    >>> net = generator((3, 32, 32), source_shape=(4, 32, 32), size="tiny")
    >>> net(torch.zeros(2, 4, 37, 53)).shape
    torch.Size([2, 3, 37, 53])
    """
    channels = conditional.channels_of(shape, source_shape, "players.fourier")
    if not 0 < global_ratio < 1:
        raise InputError(f"global_ratio={global_ratio}: give a part between 0 and 1")
    if widths is None:
        widths = conditional.widths_of(size, min(max(conditional.halvings_of(shape) - 1, 0), 3) + 1)
    blocks = resnet.block_count(size, blocks)
    widths = layers.check_widths(widths, max(len(widths), 1))
    if widths[0] < 2:
        raise InputError(f"widths {widths}: the lowest must be 2 or more, for local and global channels")
    block = partial(FourierBlock, global_ratio=global_ratio)
    return resnet.Generator(channels, latent_size, widths, blocks, normalisation, output, bfloat16_stages, block)
