"""How the slope of the discriminator is found: functions `(discriminator, points) -> Slopes`.

| method             | passes of D | value           | parameter gradient | asks of PyTorch      |
| double_backward    | 6           | exact           | exact              | double backward      |
| aligned_jvp        | 10          | exact           | exact              | reverse over forward |
| aligned_fd         | 7           | exact in steps  | bias O(step)       | one plain backward   |
| aligned_central_fd | 10          | exact in steps  | bias O(step^2)     | one plain backward   |
| random_jvp         | 3 + 6K      | unbiased        | unbiased, noisy    | reverse over forward |
| random_fd          | 3 + 6       | bias O(sigma^2) | + noise            | one plain backward   |

Passes, in forwards, are counted on the penalised samples with the loss, which alone is 3; a backward to the parameters
and through the samples is 2 forwards. No method saves arithmetic: what differs is memory, kernels, and what a
discriminator must support (fused attention has no second derivative).

"Aligned" means that the direction is v = grad_x D / ||grad_x D|| itself, held constant: v·grad_x D has the value of
the norm and, as v·dv = 0, also its first derivative, but not its second. So v is constant in live steps only, where
nothing is differentiated twice. In the pure products of a game (inside a transform of torch.func) it moves: they are
those of R1 itself for aligned_jvp, and for aligned_fd and aligned_central_fd those of the finite difference.

Differences need a smooth discriminator. Behind kinks (ReLU, leaky ReLU) the gradient of a logit jumps, and where a step
crosses one the difference holds jump / step: a part of R1's mean gradient that automatic differentiation leaves out,
with noise that grows as the step shrinks. On `players.dcgan` at the start, 64 images, gradients of R1 so differ from
double backward's by 25 % (steps of 2 and more) to 90 % (the default): use double_backward or aligned_jvp there.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.penalties.deferred import can_wait, deferred, transformed, waits
from nablagan.penalties.guard import check_differences, check_reverse_over_forward, forward_mode
from nablagan.penalties.holding import constant
from nablagan.penalties.judging import Remembering, bare, input_gradient, of_rows, remembered
from nablagan.penalties.noise import gaussian
from nablagan.penalties.points import Points
from nablagan.types import Discriminator, InputError, Pair


class Slopes(NamedTuple):
    """Derivatives of each sample's logit along directions in image space."""

    values: Tensor
    """(batch, k): their squares add up to ||grad_x D||^2, exactly or on average."""
    exact: bool
    """Whether they do so exactly, apart from the error of a finite difference: then their norm is ||grad_x D||."""


Method = Callable[[Discriminator, Points], Slopes]
Distribution = Callable[[Pair, int, int, int], Tensor]
"""(pair, directions, size, stream) -> (batch, directions, size) with E v v^T = I."""


def double_backward(discriminator: Discriminator, points: Points) -> Slopes:
    """The whole gradient, itself differentiable. Exact; the right choice wherever D has second derivatives."""
    return Slopes(input_gradient(discriminator, points.images, points.pair.label).flatten(1), exact=True)


def aligned_jvp(discriminator: Discriminator, points: Points) -> Slopes:
    """The derivative along the gradient's own direction, by forward mode; exact, no double backward.

    Raises InputError for normalisations that PyTorch differentiates wrongly there (`check_reverse_over_forward`).
    """
    check_reverse_over_forward(discriminator, "aligned_jvp")
    direction, _ = _direction(discriminator, points)
    return Slopes(_along(discriminator, points, direction).unsqueeze(1), exact=True)


def aligned_fd(discriminator: Discriminator, points: Points, step: float | None = None) -> Slopes:
    """(D(x + step v) - D(x)) / step along the gradient's own direction v; D needs first derivatives only.

    D(x) is the loss's own, so it costs less than double backward. The error is O(step second derivative) + eps |D| /
    step; `step` is a distance in image space, sqrt(d eps) by default, with d numbers a sample and eps of the images'
    dtype: 0.01 for 28x28 in float32. bfloat16 has no good one: use `aligned_central_fd` there. In live steps the value
    is ||grad_x D|| itself, and the side is judged in the backward pass (`deferred`). Raises InputError for active
    dropout.
    """
    check_differences(discriminator, "aligned_fd")
    length = _length(points.images, 1 / 2) if step is None else step
    _check_positive("step", length)
    judge = remembered(discriminator)
    direction, norm = _direction(judge, points)
    ahead, here = points.images + length * direction, judge(points.images, points.pair.label)
    if can_wait(discriminator, points):
        slope = deferred(discriminator, points, norm, [(ahead, 1 / length)], (here, -1 / length))
    else:
        precise = torch.promote_types(here.dtype, torch.float32)
        slope = (bare(judge)(ahead, points.pair.label).to(precise) - here.to(precise)) / length
    return Slopes(slope.unsqueeze(1), exact=True)


def aligned_central_fd(discriminator: Discriminator, points: Points, step: float | None = None) -> Slopes:
    """(D(x + step v) - D(x - step v)) / 2 step: as `aligned_fd`, one pass forward and backward more, less error.

    `step` is sqrt(d) eps^(1/3) / 5 by default: 0.03 for 28x28 in float32. The error is O(step^2 third derivative) + eps
    |D| / step, so give one of about 1 to a discriminator that computes in bfloat16 what it is given in float32. Raises
    InputError for active dropout.
    """
    check_differences(discriminator, "aligned_central_fd")
    length = _length(points.images, 1 / 3) / 5 if step is None else step
    _check_positive("step", length)
    direction, norm = _direction(discriminator, points)
    ahead, behind = points.images + length * direction, points.images - length * direction
    if can_wait(discriminator, points):
        factor = 0.5 / length
        slope = deferred(discriminator, points, norm, [(ahead, factor), (behind, -factor)])
    else:
        one, other = _both(discriminator, points, ahead, behind)
        slope = (one - other) / (2 * length)
    return Slopes(slope.unsqueeze(1), exact=True)


def random_jvp(directions: int = 1, distribution: Distribution = gaussian) -> Method:
    """The method: derivatives along K random directions, by forward mode, 1/sqrt(K) each.

    Value and parameter gradient of ||grad_x D||^2 are unbiased. The variance of the gradient, for each sample, is that
    of the exact one times R / K with R = ||g||^2 ||H||_F^2 / ||H g||^2 between 1 and d (H = d grad_x D / d parameters):
    use it to watch a value, or K >= 4. Raises InputError where `aligned_jvp` does.
    """
    if directions < 1:
        raise InputError(f"{directions} random directions: give 1 or more")
    return partial(_random_jvp, directions=directions, distribution=distribution)


def random_fd(sigma: float, distribution: Distribution = gaussian) -> Method:
    """The method: (D(x + sigma v) - D(x)) / sigma along one random direction ("approximate R1", Lin et al. 2025).

    With A the Hessian of D in x its square is, on average, ||g||^2 + sigma^2 [((tr A)^2 + 2 ||A||_F^2) / 4 + g·grad tr
    A] + O(sigma^4): R1 plus a penalty on curvature. The displacement has length sigma sqrt(d), no infinitesimal. In
    bfloat16 and at sigma = 0.01 the difference is rounding noise. Raises InputError for active dropout.
    """
    _check_positive("sigma", sigma)
    return partial(_random_fd, sigma=sigma, distribution=distribution)


def _random_jvp(discriminator: Discriminator, points: Points, directions: int, distribution: Distribution) -> Slopes:
    check_reverse_over_forward(discriminator, "random_jvp")
    chosen = _random(points, directions, distribution)
    slopes = [_along(discriminator, points, direction) for direction in chosen]
    return Slopes(torch.stack(slopes, 1) / math.sqrt(directions), exact=False)


def _random_fd(discriminator: Discriminator, points: Points, sigma: float, distribution: Distribution) -> Slopes:
    check_differences(discriminator, "random_fd")
    (direction,) = _random(points, 1, distribution)
    ahead, here = _both(discriminator, points, points.images + sigma * direction, points.images)
    return Slopes(((ahead - here) / sigma).unsqueeze(1), exact=False)


def _direction(discriminator: Discriminator, points: Points) -> tuple[Tensor, Tensor]:
    """grad_x D over its norm, shaped like the images, zero where the gradient is; and the norm, (batch,).

    Constant outside of transforms.
    """
    if isinstance(discriminator, Remembering) and any(points.images is images for images in points.pair[:2]):
        discriminator(points.images, points.pair.label)  # remembered with its graph: the loss asks for it too
    else:
        discriminator = bare(discriminator)
    with torch.set_grad_enabled(transformed() and torch.is_grad_enabled()):
        gradient = input_gradient(discriminator, points.images, points.pair.label)
        square = gradient.flatten(1).to(torch.promote_types(gradient.dtype, torch.float32)).square().sum(1)
        scale = torch.where(square > 0, square, 1.0).sqrt()
        direction = (gradient / scale.view(-1, *[1] * (gradient.ndim - 1))).to(gradient.dtype)
    return direction if transformed() else constant(direction), square.sqrt()


def _length(images: Tensor, power: float) -> float:
    """sqrt(d) eps^power, for d numbers a sample and eps of their dtype.

    In a numerical check that of float32 at least: the rounding of a shorter difference would drown the check's own.
    """
    eps = torch.finfo(images.dtype).eps
    if not waits():
        eps = max(eps, torch.finfo(torch.float32).eps)
    return math.sqrt(images[0].numel()) * math.pow(eps, power)


def _random(points: Points, directions: int, distribution: Distribution) -> list[Tensor]:
    """That many directions, each shaped like the images."""
    images = points.images
    chosen = distribution(points.pair, directions, images[0].numel(), points.stream)
    return [direction.view_as(images) for direction in chosen.to(images.dtype).unbind(1)]


def _along(discriminator: Discriminator, points: Points, direction: Tensor) -> Tensor:
    """The derivative of each logit along `direction`, (batch,)."""
    judge, label = bare(discriminator), points.pair.label
    with forward_mode(judge):
        return torch.func.jvp(lambda x: judge(x, label), (points.images,), (direction,))[1]


def _both(discriminator: Discriminator, points: Points, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of both, (batch,) each, in float32 or better, from one call."""
    rows = torch.arange(len(first), device=first.device).repeat(2)
    label = None if points.pair.label is None else points.pair.label[rows]
    logits = of_rows(discriminator, rows)(torch.cat([first, second]), label)
    one, other = logits.to(torch.promote_types(logits.dtype, torch.float32)).chunk(2)
    return one, other


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name} is {value}: give a positive number")
