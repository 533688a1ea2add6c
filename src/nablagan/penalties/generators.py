"""Penalties on the Jacobian J of the generator in its latent: functions `(generator, batch) -> (batch,)`.

They share the conventions of the discriminator's: half a square for each sample, the weight outside, noise hashed from
the latents. So gamma is twice a published weight. Give them to `tasks.generation(generator_penalties={...})`.
"""

import math

import torch
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from nablagan.penalties.judging import Remembering, module_of, remembered
from nablagan.penalties.noise import normal, rademacher
from nablagan.types import Batch, Generator, InputError, Pair

_LENGTH, _CLAMP, _ORTHOGONAL = 201, 202, 203
"""Streams of noise."""


def path_length(generator: Generator, batch: Batch, target: float | None = None) -> Tensor:
    """Half (||J^T y|| - a)^2, y ~ N(0, I) / sqrt(pixels), (batch,) (Karras et al. 2020, equation 4).

    a is `target`, by default the mean length of this batch. The paper's weight 2 is gamma 4. Costs a reverse pass that
    is differentiated again.

    # Unlike the paper: no running mean. It would be a state, and the loss no function of its batch. For the batch's own
    # mean the sum of (length - a) is zero, so that no gradient passes through a, as none does in the paper's code; the
    # expectation is that of the variance times (batch - 1) / batch. It couples samples: with several processes each
    # uses its own mean, so give a target there.

    >>> batch = Batch(torch.zeros(2, 3), torch.ones(2, 1))
    >>> path_length(lambda z, label: z * torch.tensor([1.0, 2.0, 2.0]), batch).shape
    torch.Size([2])
    """
    maker = remembered(generator)
    images = maker(batch.latent, batch.label)
    directions = _noise(normal(_pair(batch), images[0].numel(), _LENGTH), images)
    pixels = math.prod(images.shape[2:])
    lengths = _norm(maker.transposed(batch.latent, batch.label, directions / math.sqrt(pixels)))
    return 0.5 * (lengths - (lengths.mean() if target is None else target)).square()


def jacobian_clamping(
    generator: Generator, batch: Batch, least: float = 1.0, most: float = 20.0, step: float = 1.0
) -> Tensor:
    """Half the square of how far ||G(z + d) - G(z)|| / ||d|| is outside [least, most], (batch,) (Odena et al. 2018).

    d has length `step` and a random direction. The paper's weight 1 is gamma 2. Costs one more pass of the generator.
    Raises InputError unless 0 <= least <= most and step > 0, and for active dropout.

    >>> batch = Batch(torch.zeros(2, 3), torch.ones(2, 1))
    >>> jacobian_clamping(lambda z, label: 3 * z, batch, most=2.0)
    tensor([0.5000, 0.5000])
    """
    if not (0 <= least <= most and 0 < step < math.inf):
        raise InputError(f"a slope clamped to [{least}, {most}] by steps of {step}: give 0 <= least <= most, step > 0")
    _check_repeatable(generator)
    latent = batch.latent
    shift = normal(_pair(batch), latent[0].numel(), _CLAMP)
    shift = _noise(step * shift / shift.norm(dim=1, keepdim=True), latent)
    moved = generator(latent + shift, batch.label) - generator(latent, batch.label)
    ratio = _norm(moved) / step
    return 0.5 * ((ratio - most).clamp(min=0) - (least - ratio).clamp(min=0)).square()


def orthogonal_jacobian(generator: Generator, batch: Batch, directions: int = 2) -> Tensor:
    """An estimate of half ||off-diagonal of J^T J||_F^2, (batch,): columns of J at right angles (Wei et al. 2021).

    A quarter of the sample variance of ||J v||^2 over `directions` vectors v of signs, whose mean is that half norm
    (Hutchinson). Unlike the paper, J v is exact, by two reverse passes each (right behind any normalisation), not a
    difference. Raises InputError for fewer than 2 directions.

    >>> batch = Batch(torch.zeros(2, 3), torch.ones(2, 2))
    >>> orthogonal_jacobian(lambda z, label: 3 * z, batch)
    tensor([0., 0.])
    """
    if directions < 2:
        raise InputError(f"{directions} directions have no variance: give 2 or more")
    chosen = rademacher(_pair(batch), directions, batch.latent[0].numel(), _ORTHOGONAL)
    maker = remembered(generator)
    columns = [_along(maker, batch, _noise(v, batch.latent)) for v in chosen.unbind(1)]
    return 0.25 * torch.stack([c.flatten(1).square().sum(1) for c in columns]).var(0)


def _pair(batch: Batch) -> Pair:
    """What noise is drawn for."""
    return Pair(batch.real, batch.real, key=batch.latent)


def _noise(draws: Tensor, like: Tensor) -> Tensor:
    return draws.view_as(like).to(like.dtype)


def _norm(tensor: Tensor) -> Tensor:
    """Each sample's Euclidean norm, (batch,); its derivative is taken as zero at zero."""
    square = tensor.flatten(1).square().sum(1)
    return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)


def _along(maker: Remembering, batch: Batch, direction: Tensor) -> Tensor:
    """J times a direction in latent space, shaped like the images: the transpose of w -> J^T w; differentiable."""
    latent, label = batch.latent, batch.label
    _, pullback, *_ = torch.func.vjp(
        lambda w: maker.transposed(latent, label, w), torch.zeros_like(maker(latent, label))
    )
    return pullback(direction)[0]


def _check_repeatable(generator: Generator) -> None:
    module = module_of(generator)
    for path, part in module.named_modules() if module is not None else ():
        if isinstance(part, _DropoutNd) and part.training and part.p > 0:
            raise InputError(
                f"the generator's {path or 'module'} is a {type(part).__name__}, whose masks differ between the images "
                "that jacobian_clamping subtracts: remove it, or use path_length or orthogonal_jacobian"
            )
