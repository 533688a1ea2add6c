"""The adversarial flow against reverse-mode differentiation, a dense Jacobian and closed forms, in float64."""

import math

import pytest
import torch
from torch import nn

from nablagan import losses
from nablagan.optim import Alternating
from nablagan.tasks import adversarial_flow, directional_scores, integrated
from nablagan.tasks.adversarial_flow import path, uniform_time
from nablagan.types import Batch, InputError
from oracle import assert_near, draws


class Net(nn.Module):
    """A function of (x, t) and maybe a label: (batch, 2, 3) to the same or to one number a sample."""

    def __init__(self, *inside, logit=False, width=5):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(7, width), *inside, nn.SiLU(), nn.Linear(width, 1 if logit else 6))
        self.logit = logit

    def forward(self, x, t, label=None):
        if label is not None:
            t = t + label
        out = self.body(torch.cat([x.flatten(1), t[:, None]], 1))
        return out.squeeze(1) if self.logit else out.view_as(x)


def nets(*inside):
    torch.manual_seed(0)
    return Net().double(), Net(*inside, logit=True).double()


BATCH = Batch(draws(4, 2, 3), draws(4, 2, 3, seed=2))


def reverse_scores(discriminator, x, t, velocity, label=None):
    """<grad_x D, u> + dD/dt by reverse mode."""
    x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
    value = discriminator(x, t) if label is None else discriminator(x, t, label)
    by_x, by_t = torch.autograd.grad(value.sum(), (x, t), create_graph=True)
    return value, (by_x * velocity).flatten(1).sum(1) + by_t


@pytest.mark.parametrize("label", [None, torch.tensor([0, 1, 2, 1])])
def test_scores_are_the_derivatives_along_the_velocities(label):
    discriminator, (x, t, _) = nets()[1], path(BATCH, uniform_time(BATCH))
    velocities = draws(3, 4, 2, 3, seed=5)
    value, scores = directional_scores(discriminator, x, t, velocities, label)
    assert scores.shape == (3, 4)
    for velocity, score in zip(velocities, scores, strict=True):
        expected_value, expected = reverse_scores(discriminator, x, t, velocity, label)
        torch.testing.assert_close((value, score), (expected_value, expected), rtol=1e-12, atol=1e-14)


def test_the_discriminator_is_run_once_for_both_velocities():
    calls = []
    discriminator = nets()[1]
    discriminator.register_forward_hook(lambda *given: calls.append(given))
    directional_scores(discriminator, *path(BATCH, uniform_time(BATCH))[:2], draws(2, 4, 2, 3))
    assert len(calls) == 1


def plain_losses(velocity, discriminator, batch, centring, transport):
    """Both losses as the paper's code has them, by reverse mode."""
    t = uniform_time(batch)
    x, v = torch.lerp(batch.real, batch.latent, t[:, None, None]), batch.latent - batch.real
    u = velocity(x, t)
    (value, real), (_, fake) = (reverse_scores(discriminator, x, t, direction) for direction in (v, u))
    ours = (real - 1).square().mean() + (fake + 1).square().mean() + centring * value.square().mean()
    return (fake - 1).square().mean() + transport * u.square().mean(), ours


def test_products_are_those_of_the_dense_matrix():
    players = nets()
    game = adversarial_flow(*players, centring=0.3, transport=0.2)
    both = plain_losses(*players, BATCH, 0.3, 0.2)
    parameters = [list(player.parameters()) for player in players]

    def flat(value, of):
        grads = torch.autograd.grad(value, of, create_graph=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in grads])

    field = torch.cat([flat(value, of) for value, of in zip(both, parameters, strict=True)])
    everything = [p for of in parameters for p in of]
    matrix = torch.stack([flat(entry, everything) for entry in field]).detach()
    jacobian, u = game.jacobian(BATCH), draws(len(matrix), seed=7)
    assert_near(torch.stack(tuple(game.losses(BATCH))), torch.stack(both).detach())
    assert_near(game.field(BATCH), field.detach())
    assert_near(jacobian @ u, matrix @ u)
    assert_near(jacobian.T @ u, matrix.T @ u)
    slopes = torch.stack([flat(value, everything) for value in both]).detach() @ u
    assert_near(torch.stack(tuple(game.directional_derivatives(BATCH, u))), slopes)
    fake = game.generate(BATCH)
    live = game.generator_gradient(BATCH, fake).tensors, game.discriminator_gradient(BATCH, fake).tensors
    assert_near(torch.cat([t.flatten() for tensors in live for t in tensors]), field.detach())


def test_measures_and_another_loss():
    velocity, discriminator = nets()
    game = adversarial_flow(velocity, discriminator, losses.relativistic, centring=0.5)
    fake = game.generate(BATCH)
    gradient = game.discriminator_gradient(BATCH, fake)
    x, t, v = path(BATCH, uniform_time(BATCH))
    value, (real, generated) = directional_scores(discriminator, x, t, torch.stack([v, fake]))
    found = gradient.measures
    assert list(found) == ["real_logits", "fake_logits", "penalty_centring"]
    torch.testing.assert_close(found["real_logits"], real.mean().detach())
    torch.testing.assert_close(found["penalty_centring"], value.square().mean().detach())
    expected = losses.relativistic(real, generated).discriminator.mean() + 0.5 * value.square().mean()
    torch.testing.assert_close(gradient.loss, expected.detach())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_an_update_moves_both_players(dtype):
    players = [player.to(dtype) for player in nets(nn.RMSNorm(5))]
    game = adversarial_flow(*players)
    before = game.point()
    optimizers = [torch.optim.Adam(player.parameters(), 1e-3) for player in players]
    batch = Batch(BATCH.real.to(dtype), BATCH.latent.to(dtype), label=torch.arange(4))
    step = Alternating(game, *optimizers).step(batch)
    moved = game.point() != before
    assert moved[: game.sizes[0]].any()
    assert moved[game.sizes[0] :].any()
    assert step.measures["generator_loss"].isfinite()
    x, t, v = path(batch, uniform_time(batch))
    assert directional_scores(players[1], x, t, v[None])[1].dtype == torch.promote_types(dtype, torch.float32)


def test_normalisations_that_are_wrong_behind_forward_mode_are_refused():
    """In the pure products they are made of elementary operations, and right."""
    velocity, discriminator = nets(nn.LayerNorm(5))
    game = adversarial_flow(velocity, discriminator, centring=0.3)
    fake = game.generate(BATCH)
    with pytest.raises(
        InputError, match=r"the discriminator's body.1 is a LayerNorm.*or nn.GroupNorm or nn.RMSNorm there$"
    ):
        game.discriminator_gradient(BATCH, fake)
    with pytest.raises(InputError, match="is a LayerNorm"):
        game.generator_gradient(BATCH, fake)
    both = plain_losses(velocity, discriminator, BATCH, 0.3, 0.0)
    assert_near(torch.stack(tuple(game.losses(BATCH))), torch.stack(both).detach())
    grads = torch.autograd.grad(both[1], list(discriminator.parameters()), materialize_grads=True)
    assert_near(game.field(BATCH)[game.sizes[0] :], torch.cat([g.flatten() for g in grads]))


def test_times_belong_to_the_samples():
    t = uniform_time(BATCH)
    assert torch.equal(t, uniform_time(BATCH))
    assert torch.equal(t[2:], uniform_time(Batch(BATCH.real[2:], BATCH.latent[2:])))
    many = uniform_time(Batch(torch.zeros(20_000, 1), draws(20_000, 1)))
    assert 0 < many.min() < 1e-3 < 1 - 1e-3 < many.max() < 1
    assert float(many.mean()) == pytest.approx(0.5, abs=0.01)
    seen = []
    given = adversarial_flow(*nets(), time=lambda batch: seen.append(batch) or batch.augmentation[:, 0])
    given.generate(BATCH._replace(augmentation=draws(4, 1).sigmoid()))
    assert len(seen) == 1


@pytest.mark.parametrize("steps", [8, 16])
def test_integration_has_the_order_of_heun_s_method(steps):
    """dx/dt = -x from 1 to 0 multiplies by e; a step h does it by 1 + h + h^2 / 2."""
    noise = draws(3, 2)
    found = integrated(lambda x, t: -x, noise, steps)
    h = 1 / steps
    torch.testing.assert_close(found, noise * (1 + h + h * h / 2) ** steps)
    assert float((found / noise - math.e).abs().max()) < math.e * h * h
    straight = integrated(lambda x, t, label: label[:, None] * torch.ones_like(x), noise, steps, torch.arange(3))
    torch.testing.assert_close(straight, noise - torch.arange(3.0).double()[:, None])


def test_wrong_input():
    velocity, discriminator = nets()
    with pytest.raises(InputError, match="the weight centring is -1"):
        adversarial_flow(velocity, discriminator, centring=-1)
    with pytest.raises(InputError, match="the weight transport is nan"):
        adversarial_flow(velocity, discriminator, transport=float("nan"))
    with pytest.raises(InputError, match=r"noise is \(4, 6\), data \(4, 2, 3\)"):
        adversarial_flow(velocity, discriminator).field(BATCH._replace(latent=BATCH.latent.flatten(1)))
    with pytest.raises(InputError, match=r"times are \(4, 1\) for 4 samples"):
        adversarial_flow(velocity, discriminator, time=lambda batch: torch.ones(4, 1)).generate(BATCH)
    with pytest.raises(InputError, match="0 steps from noise to data"):
        integrated(velocity, BATCH.latent, steps=0)
    with pytest.raises(InputError, match=r"gave \(4, 2, 3\) for 4 samples"):
        directional_scores(velocity, *path(BATCH, uniform_time(BATCH))[:2], draws(2, 4, 2, 3))
