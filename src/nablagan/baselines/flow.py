"""Flow matching on straight lines (Lipman et al. 2023, Liu et al. 2023), pairs by transport (Tong et al. 2024)."""

from collections.abc import Callable
from functools import partial

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from nablagan.baselines.method import Method, Sampler, check_steps, noise_like, starting_noise
from nablagan.baselines.unet import UNet
from nablagan.types import InputError

STEPS = (1, 4, 16, 64)
Velocity = Callable[[Tensor, Tensor], Tensor]
"""(x (batch, ...), time (batch,)) -> dx/dt."""


def matching_error(velocity: Velocity, noise: Tensor, samples: Tensor, time: Tensor) -> Tensor:
    """Mean square of v(x_t, t) - (x_1 - x_0) at x_t = (1 - t) x_0 + t x_1, (batch,) (Lipman et al. 2023, equation 23).

    x_0 is noise, x_1 a sample: time runs from noise (0) to data (1), sigma_min = 0. v = E[x_1 - x_0 | x_t] at best.
    """
    t = time.view(-1, *[1] * (samples.ndim - 1))
    predicted = velocity((1 - t) * noise + t * samples, time)
    return (predicted - (samples - noise)).flatten(1).square().mean(1)


def nearest_pairs(noise: Tensor, samples: Tensor) -> Tensor:
    """The noise in the order in which the sum of squared distances to the samples is least (Tong et al. 2024, 3.2).

    The exact optimal transport within the batch: an assignment, by scipy.

    >>> nearest_pairs(torch.tensor([[0.0], [5.0]]), torch.tensor([[4.0], [1.0]])).flatten()
    tensor([5., 0.])
    """
    cost = torch.cdist(samples.flatten(1).double(), noise.flatten(1).double()).square()
    _, order = linear_sum_assignment(cost.cpu().numpy())
    return noise[torch.from_numpy(order).to(noise.device)]


def integrate(velocity: Velocity, noise: Tensor, steps: int, method: str = "euler") -> Tensor:
    """x at time 1 of dx/dt = v(x, t) from x = noise at time 0, in equal steps, by torchdiffeq.

    `method` is one of torchdiffeq's of fixed steps: euler (one evaluation a step), midpoint (two), rk4 (four). Raises
    InputError for steps < 1 and without torchdiffeq.
    """
    check_steps(steps)
    try:
        from torchdiffeq import odeint
    except ImportError as error:
        raise InputError("flow matching samples by torchdiffeq: pip install 'nablagan[compare]'") from error
    moments = torch.linspace(0, 1, steps + 1, dtype=noise.dtype, device=noise.device)
    path = odeint(lambda t, x: velocity(x, t.expand(len(x))), noise, moments, method=method)
    assert isinstance(path, Tensor)
    return path[-1]


def loss(module: nn.Module, images: Tensor, draws: torch.Generator) -> Tensor:
    """The matching error at uniform times, noise and samples paired within the batch, (batch,)."""
    noise = nearest_pairs(noise_like(images, draws), images)
    time = torch.rand(len(images), generator=draws, dtype=images.dtype).to(images.device)
    return matching_error(module, noise, images, time)


def draw(module: nn.Module, shape: tuple[int, ...], count: int, draws: torch.Generator, steps: int) -> Tensor:
    """(count, *shape) by `steps` of Euler from noise."""
    return integrate(module, starting_noise(module, shape, count, draws), steps)


def whole(module: nn.Module) -> nn.Module:
    """The module itself."""
    return module


SAMPLERS = tuple(Sampler(f"euler_{steps}", steps, partial(draw, steps=steps)) for steps in STEPS)
FLOW_MATCHING = Method("flow_matching", UNet, loss, SAMPLERS, whole, nets=1)
