"""Denoising diffusion (Ho et al. 2020), cosine schedule (Nichol and Dhariwal 2021), DDIM steps (Song et al. 2021)."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from nablagan.baselines.method import Method, Sampler, check_steps, noise_like, starting_noise
from nablagan.baselines.unet import UNet
from nablagan.types import InputError

TIMES = 1000
"""T of training."""
STEPS = (16, 64)
OFFSET, LARGEST_BETA = 0.008, 0.999
Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t (batch, ...), time t / T (batch,)) -> the noise in it."""


def cosine_schedule(times: int = TIMES) -> Tensor:
    """alpha-bar at 0 ... T, float64 (T + 1,), from 1 to nearly 0 (Nichol and Dhariwal 2021, equation 17).

    x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) noise. Each beta = 1 - alpha-bar_t / alpha-bar_(t-1) is 0.999
    at most.
    """
    moments = torch.linspace(0, 1, times + 1, dtype=torch.float64)
    squares = torch.cos((moments + OFFSET) / (1 + OFFSET) * math.pi / 2).square()
    kept = (squares[1:] / squares[:-1]).clamp(min=1 - LARGEST_BETA)
    return torch.cat([torch.ones(1, dtype=torch.float64), kept.cumprod(0)])


def noised(samples: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """sqrt(kept) samples + sqrt(1 - kept) noise: x_t for alpha-bar_t = `kept` (batch,) (Ho et al. 2020, equation 4)."""
    kept = kept.to(samples).view(-1, *[1] * (samples.ndim - 1))
    return kept.sqrt() * samples + (1 - kept).sqrt() * noise


def denoising_error(predict: Predict, samples: Tensor, noise: Tensor, times: Tensor, kept: Tensor) -> Tensor:
    """Mean square of the predicted minus the real noise, (batch,) (Ho et al. 2020, equation 14).

    times (batch,) integers in 1 ... T; kept, the schedule (T + 1,).
    """
    t = times.to(samples.device)
    predicted = predict(noised(samples, noise, kept.to(t.device)[t]), t.to(samples.dtype) / (len(kept) - 1))
    return (predicted - noise).flatten(1).square().mean(1)


def posterior(sample: Tensor, noisy: Tensor, kept: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, variance) of x_s given x_0 = sample and x_t = noisy, s < t (Ho et al. 2020, equations 6 and 7).

    kept and before are alpha-bar at t and at s, scalars: s = t - 1 in the paper, any earlier time of a shorter chain.
    """
    alpha = kept / before
    mean = before.sqrt() * (1 - alpha) / (1 - kept) * sample + alpha.sqrt() * (1 - before) / (1 - kept) * noisy
    return mean, (1 - before) / (1 - kept) * (1 - alpha)


def denoise(
    predict: Predict,
    noise: Tensor,
    kept: Tensor,
    steps: int,
    draws: torch.Generator,
    eta: float = 0.0,
    bound: float = math.inf,
) -> Tensor:
    """x_0 from x_T = noise in `steps` of the T, evenly spread (Song et al. 2021, equation 12).

    eta = 0 is DDIM: no noise is added. eta = 1 draws from `posterior`, and for steps = T is the ancestral sampler of
    Ho et al. with variance beta-tilde. The x_0 predicted at each step is clipped to [-bound, bound]. Raises InputError
    for fewer than 1 and more than T steps.
    """
    check_steps(steps)
    if steps >= len(kept):
        raise InputError(f"{steps} steps of a chain of {len(kept) - 1}: give at most as many")
    moments = torch.linspace(len(kept) - 1, 0, steps + 1).round().long().tolist()
    x = noise
    for now, then in pairwise(moments):
        at, before = kept[now].to(x), kept[then].to(x)
        predicted = predict(x, torch.full((len(x),), now / (len(kept) - 1), dtype=x.dtype, device=x.device))
        sample = ((x - (1 - at).sqrt() * predicted) / at.sqrt()).clamp(-bound, bound)
        direction = (x - at.sqrt() * sample) / (1 - at).sqrt()
        variance = eta**2 * posterior(sample, x, at, before)[1]
        x = before.sqrt() * sample + (1 - before - variance).clamp(min=0).sqrt() * direction
        if eta and then:
            x = x + variance.sqrt() * noise_like(x, draws)
    return x


def loss(module: nn.Module, images: Tensor, draws: torch.Generator) -> Tensor:
    """The denoising error at uniform times, (batch,)."""
    noise = noise_like(images, draws)
    times = torch.randint(1, TIMES + 1, (len(images),), generator=draws)
    return denoising_error(module, images, noise, times, cosine_schedule())


def draw(
    module: nn.Module, shape: tuple[int, ...], count: int, draws: torch.Generator, steps: int, eta: float = 0.0
) -> Tensor:
    """(count, *shape) images in [-1, 1] by `steps` of DDIM."""
    return denoise(module, starting_noise(module, shape, count, draws), cosine_schedule(), steps, draws, eta, bound=1.0)


def whole(module: nn.Module) -> nn.Module:
    """The module itself."""
    return module


SAMPLERS = tuple(Sampler(f"ddim_{steps}", steps, partial(draw, steps=steps)) for steps in STEPS)
DDPM = Method("ddpm", UNet, loss, SAMPLERS, whole, nets=1)
