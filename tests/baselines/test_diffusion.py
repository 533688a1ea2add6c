"""Diffusion against Gaussian algebra: the posterior, the exact denoiser of a Gaussian, the schedule."""

import math

import pytest
import torch

from nablagan.baselines.diffusion import cosine_schedule, denoise, denoising_error, noised, posterior
from nablagan.types import InputError

DEVIATION = 0.5
KEPT = cosine_schedule()


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact(x, time):
    """E[noise | x_t] for x_0 ~ N(0, s^2): x_t = a x_0 + b noise, so b x_t / (a^2 s^2 + b^2)."""
    kept = KEPT[(time * (len(KEPT) - 1)).round().long()].view(-1, 1)
    return (1 - kept).sqrt() * x / (kept * DEVIATION**2 + 1 - kept)


def test_the_schedule_falls_from_one_to_nearly_nothing():
    """Oracle: cos^2 in closed form, before the last betas are clipped at 0.999."""
    assert KEPT[0] == 1
    assert 0 < KEPT[-1] < 1e-5
    assert bool((KEPT[1:] < KEPT[:-1]).all())
    ratio = [math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (0.5, 0.0)]
    assert KEPT[500].item() == pytest.approx(ratio[0] / ratio[1], rel=1e-9)


def test_the_posterior_is_bayes_rule():
    """Oracle: the product of N(x_s; sqrt(b) x_0, 1 - b) and N(x_t; sqrt(a/b) x_s, 1 - a/b), precisions added."""
    kept, before = KEPT[700], KEPT[500]
    sample, noisy = draws(4), draws(4, seed=1)
    alpha = kept / before
    precision = 1 / (1 - before) + alpha / (1 - alpha)
    mean = (before.sqrt() * sample / (1 - before) + alpha.sqrt() * noisy / (1 - alpha)) / precision
    found_mean, found_variance = posterior(sample, noisy, kept, before)
    torch.testing.assert_close(found_mean, mean)
    torch.testing.assert_close(found_variance, 1 / precision)


def test_noised_keeps_the_marginal():
    """Oracle: variance a s^2 + 1 - a."""
    samples, noise = DEVIATION * draws(20_000, 1), draws(20_000, 1, seed=1)
    x = noised(samples, noise, KEPT[300].expand(20_000))
    assert x.var().item() == pytest.approx((KEPT[300] * DEVIATION**2 + 1 - KEPT[300]).item(), rel=0.03)


@pytest.mark.parametrize(("steps", "eta", "tolerance"), [(200, 0.0, 0.04), (1000, 1.0, 0.06)])
def test_the_exact_denoiser_reproduces_the_variance(steps, eta, tolerance):
    """Oracle: samples of N(0, s^2) have deviation s; DDIM and the ancestral sampler of all 1000 steps alike."""
    noise = draws(4000, 1)
    made = denoise(exact, noise, KEPT, steps, torch.Generator().manual_seed(3), eta)
    assert made.std().item() == pytest.approx(DEVIATION, rel=tolerance)
    assert abs(made.mean().item()) < 0.04


def test_the_exact_denoiser_is_the_minimiser():
    """Oracle: the conditional mean; a shift of it costs its square."""
    samples, noise = DEVIATION * draws(4000, 1), draws(4000, 1, seed=1)
    times = torch.randint(1, 1001, (4000,), generator=torch.Generator().manual_seed(2))
    best = denoising_error(exact, samples, noise, times, KEPT).mean()
    worse = denoising_error(lambda x, t: exact(x, t) + 0.3, samples, noise, times, KEPT).mean()
    assert worse - best == pytest.approx(0.09, abs=0.02)


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_steps(steps):
    with pytest.raises(InputError, match="steps"):
        denoise(exact, draws(2, 1), KEPT, steps, torch.Generator())
