"""Penalties on the norm of grad_x D: what they pull it to, and where."""

from functools import partial

import torch
from torch import Tensor

from nablagan.penalties.judging import half_squared_norm
from nablagan.penalties.methods import Method, double_backward
from nablagan.penalties.points import Place, fake, interpolated, perturbed, real
from nablagan.types import Discriminator, InputError, Pair


def r1(discriminator: Discriminator, pair: Pair, method: Method = double_backward) -> Tensor:
    """Half the squared gradient of the logit at real samples, (batch,) (Mescheder et al. 2018, equation 9).

    The discriminator must not couple samples (no BatchNorm) nor change a buffer in place.

    >>> images = torch.tensor([[3.0, 4.0]])
    >>> r1(lambda x, label: x.square().sum(1) / 2, Pair(images, images))
    tensor([12.5000])
    """
    return zero_centred(discriminator, pair, real, method)


def r2(discriminator: Discriminator, pair: Pair, method: Method = double_backward) -> Tensor:
    """Half the squared gradient of the logit at generated samples, (batch,) (Mescheder et al. 2018, equation 10).

    >>> images = torch.tensor([[3.0, 4.0]])
    >>> r2(lambda x, label: x.square().sum(1) / 2, Pair(torch.zeros(1, 2), images))
    tensor([12.5000])
    """
    return zero_centred(discriminator, pair, fake, method)


def wgan_gp(discriminator: Discriminator, pair: Pair, method: Method = double_backward) -> Tensor:
    """Half (||grad_x D|| - 1)^2 between real and generated samples, (batch,) (Gulrajani et al. 2017, equation 3).

    The paper's lambda is weight 2 lambda: its 10 is gamma = 20. Does not converge on the Dirac-GAN.

    >>> pair = Pair(torch.zeros(1, 2), torch.zeros(1, 2), key=torch.zeros(1, 1))
    >>> wgan_gp(lambda x, label: x @ torch.tensor([3.0, 4.0]), pair)
    tensor([8.])
    """
    return one_centred(discriminator, pair, interpolated, method)


def dragan(discriminator: Discriminator, pair: Pair, scale: float = 0.5, method: Method = double_backward) -> Tensor:
    """Half (||grad_x D|| - 1)^2 at real samples + scale N(0, I), (batch,) (Kodali et al. 2017). lambda: gamma/2.

    >>> pair = Pair(torch.zeros(1, 2), torch.zeros(1, 2), key=torch.zeros(1, 1))
    >>> dragan(lambda x, label: x @ torch.tensor([3.0, 4.0]), pair)
    tensor([8.])
    """
    return one_centred(discriminator, pair, partial(perturbed, scale=scale), method)


def zero_centred(
    discriminator: Discriminator, pair: Pair, place: Place = real, method: Method = double_backward
) -> Tensor:
    """||grad_x D||^2 / 2 at the place's points, (batch,)."""
    return half_squared_norm(method(discriminator, place(pair)).values)


def one_centred(
    discriminator: Discriminator, pair: Pair, place: Place = real, method: Method = double_backward
) -> Tensor:
    """(||grad_x D|| - 1)^2 / 2 at the place's points, (batch,), the norm over all numbers of a sample.

    Where the gradient is zero the derivative is taken as zero. Raises InputError for a random method: the norm is not
    linear in its square, so an unbiased square gives a biased penalty.
    """
    slopes = method(discriminator, place(pair))
    if not slopes.exact:
        raise InputError(
            "a one-centred penalty cannot be estimated along random directions (||g|| is not linear in ||g||^2): "
            "use method=double_backward, aligned_jvp or aligned_fd"
        )
    square = slopes.values.square().sum(1)
    norm = torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)
    return 0.5 * (norm - 1).square()
