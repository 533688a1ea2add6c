"""Flow matching: the exact velocity between Gaussians, transport within a batch, a trained toy."""

import pytest
import torch
from torch import nn

from nablagan.baselines.flow import integrate, matching_error, nearest_pairs
from nablagan.metrics import sliced_wasserstein
from nablagan.types import InputError

pytest.importorskip("torchdiffeq")
MEAN, DEVIATION = 1.5, 0.5


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact(x, time):
    """E[x_1 - x_0 | x_t] for x_0 ~ N(0, 1) and x_1 ~ N(m, s^2): linear regression of one Gaussian on another."""
    t = time.view(-1, *[1] * (x.ndim - 1))
    variance = (1 - t) ** 2 + (t * DEVIATION) ** 2
    return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (x - t * MEAN)


def test_the_exact_velocity_is_the_minimiser():
    """Oracle: the conditional mean of jointly Gaussian variables; any shift of it is worse by its square."""
    noise, samples = draws(4000, 1), MEAN + DEVIATION * draws(4000, 1, seed=1)
    time = torch.rand(4000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    best = matching_error(exact, noise, samples, time).mean()
    for shift in (-0.3, 0.3):
        worse = matching_error(lambda x, t, s=shift: exact(x, t) + s, noise, samples, time).mean()
        assert worse - best == pytest.approx(shift**2, abs=0.02)


def test_the_exact_velocity_carries_noise_to_the_data():
    """Oracle: the flow of Gaussians is x -> m + s x; Euler's error falls with the step, rk4's is small at once."""
    noise = draws(50, 2)
    target = MEAN + DEVIATION * noise
    coarse, fine = ((integrate(exact, noise, steps) - target).abs().max() for steps in (16, 64))
    assert 3 < coarse / fine < 5
    torch.testing.assert_close(integrate(exact, noise, 64, "rk4"), target, atol=1e-6, rtol=0)


def test_pairs_cost_no_more_than_pot_finds():
    """Oracle: POT's exact transport of equal masses."""
    ot = pytest.importorskip("ot")
    noise, samples = draws(12, 3), draws(12, 3, seed=1)
    paired = nearest_pairs(noise, samples)
    assert sorted(paired[:, 0].tolist()) == sorted(noise[:, 0].tolist())
    cost = torch.cdist(samples, noise).square().numpy()
    weights = [1 / 12] * 12
    assert (paired - samples).square().sum(1).mean().item() == pytest.approx(ot.emd2(weights, weights, cost), rel=1e-9)


class Field(nn.Module):
    """A small net of a point and the time."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, x, time):
        return self.layers(torch.cat([x, time[:, None]], 1))


def test_a_trained_flow_reaches_two_gaussians():
    """Sliced Wasserstein distance below 0.4 to fresh samples of two Gaussians 4 apart; noise is above 0.8 away."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)

    def real(count):
        sides = torch.randint(0, 2, (count, 1), generator=generator) * 4.0 - 2.0
        return torch.cat([sides, torch.zeros(count, 1)], 1) + 0.3 * torch.randn(count, 2, generator=generator)

    field = Field()
    optimizer = torch.optim.Adam(field.parameters(), 3e-3)
    for _ in range(500):
        samples = real(128)
        noise = nearest_pairs(torch.randn(128, 2, generator=generator), samples)
        loss = matching_error(field, noise, samples, torch.rand(128, generator=generator)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    noise = torch.randn(1000, 2, generator=generator)
    with torch.no_grad():
        made = integrate(field, noise, 32)
    distances = [sliced_wasserstein(real(1000), side, projections=64, seed=0) for side in (made, noise)]
    assert distances[0] < 0.4 < 0.8 < distances[1]


def test_a_sampler_without_steps():
    with pytest.raises(InputError, match="0 steps"):
        integrate(exact, draws(2, 1), 0)
