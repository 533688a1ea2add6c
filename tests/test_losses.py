"""Losses against closed forms: derivatives in the logits, divergences of discrete distributions."""

import math

import pytest
import torch

from cases import LOSSES, name_of, public
from nablagan import losses
from nablagan.types import InputError

LOGISTIC = torch.sigmoid

# loss -> (dL_D/da, dL_D/db, dL_G/da, dL_G/db) as functions of (a, b), n times the gradient of the batch mean
DERIVATIVES = {
    losses.minimax: lambda a, b: (-LOGISTIC(-a), LOGISTIC(b), 0 * a, -LOGISTIC(b)),
    losses.non_saturating: lambda a, b: (-LOGISTIC(-a), LOGISTIC(b), 0 * a, -LOGISTIC(-b)),
    losses.wasserstein: lambda a, b: (0 * a - 1, 0 * b + 1, 0 * a, 0 * b - 1),
    losses.hinge: lambda a, b: (-(a < 1).double(), (b > -1).double(), 0 * a, 0 * b - 1),
    losses.least_squares: lambda a, b: (a - 1, b, 0 * a, b - 1),
    losses.signed_least_squares: lambda a, b: (2 * (a - 1), 2 * (b + 1), 0 * a, 2 * (b - 1)),
    losses.relativistic: lambda a, b: (-LOGISTIC(b - a), LOGISTIC(b - a), LOGISTIC(a - b), -LOGISTIC(a - b)),
    losses.relativistic_average: lambda a, b: relativistic_average_derivatives(a, b),
    losses.kullback_leibler: lambda a, b: (0 * a - 1, (b - 1).exp(), 0 * a, -(b - 1).exp()),
    losses.reverse_kullback_leibler: lambda a, b: (-(-a).exp(), 0 * b + 1, 0 * a, 0 * b - 1),
    losses.pearson: lambda a, b: (0 * a - 1, b / 2 + 1, 0 * a, -b / 2 - 1),
    losses.neyman: lambda a, b: (-(-a).exp(), (-b / 2).exp(), 0 * a, -(-b / 2).exp()),
    losses.squared_hellinger: lambda a, b: (-(-a).exp(), b.exp(), 0 * a, -b.exp()),
    losses.jensen_shannon: lambda a, b: (-LOGISTIC(-a), LOGISTIC(b), 0 * a, -LOGISTIC(b)),
    losses.total_variation: lambda a, b: (
        -0.5 / a.cosh() ** 2,
        0.5 / b.cosh() ** 2,
        0 * a,
        -0.5 / b.cosh() ** 2,
    ),
}

# f-GAN: loss -> (best logit at u = p/q, f in D_f(P, Q) = E_Q f(u))
DIVERGENCES = {
    losses.kullback_leibler: (lambda u: 1 + u.log(), lambda u: u * u.log()),
    losses.reverse_kullback_leibler: (lambda u: u.log(), lambda u: -u.log()),
    losses.pearson: (lambda u: 2 * (u - 1), lambda u: (u - 1) ** 2),
    losses.neyman: (lambda u: 2 * u.log(), lambda u: (1 - u) ** 2 / u),
    losses.squared_hellinger: (lambda u: u.log() / 2, lambda u: (u.sqrt() - 1) ** 2),
    losses.jensen_shannon: (lambda u: u.log(), lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log()),
    losses.minimax: (lambda u: u.log(), lambda u: u * u.log() - (u + 1) * (u + 1).log()),
    losses.total_variation: (lambda u: 40 * (u - 1).sign(), lambda u: (u - 1).abs() / 2),
}

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=name_of)
every_divergence = pytest.mark.parametrize("loss", DIVERGENCES, ids=name_of)


def relativistic_average_derivatives(a, b):
    """With the terms that come through the batch means."""
    r, q = LOGISTIC(b.mean() - a), LOGISTIC(b - a.mean())
    generator_r, generator_q = LOGISTIC(a - b.mean()), LOGISTIC(a.mean() - b)
    return (
        -(r + q.mean()),
        q + r.mean(),
        generator_r + generator_q.mean(),
        -(generator_q + generator_r.mean()),
    )


def gradients(loss, a, b):
    """(dL_D/da, dL_D/db, dL_G/da, dL_G/db), n times the gradients of the batch means."""
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    values = loss(a, b)

    def by(loss):
        return torch.autograd.grad(loss.sum(), (a, b), retain_graph=True, materialize_grads=True)

    return by(values.discriminator) + by(values.generator)


def logits(count=64, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(2, count, generator=draws, dtype=torch.float64)


def test_every_public_loss_is_in_the_tables():
    assert public(losses, but=[losses.check_logits]) == set(LOSSES) == set(DERIVATIVES)


@every_loss
def test_derivatives_in_the_logits_are_the_closed_forms(loss):
    a, b = logits()
    for found, expected in zip(gradients(loss, a, b), DERIVATIVES[loss](a, b), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@every_loss
def test_losses_are_per_sample(loss):
    a, b = logits(count=7)
    assert [value.shape for value in loss(a, b)] == [(7,), (7,)]


@every_loss
@pytest.mark.parametrize("extreme", [(40.0, -40.0), (-40.0, 40.0), (40.0, 40.0), (-40.0, -40.0)])
def test_extreme_logits_are_exact_in_single_precision(loss, extreme):
    a, b = (torch.full((2,), value, dtype=torch.float64) for value in extreme)
    for found, expected in zip(loss(a.float(), b.float()), loss(a, b), strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-12)
    for found in gradients(loss, a.float(), b.float()):
        assert found.isfinite().all()


@every_loss
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 1), (4, 1)), ((4,), (1,)), ((), ())])
def test_logits_that_would_broadcast_are_refused(loss, shapes):
    with pytest.raises(InputError, match="one logit a sample"):
        loss(*(torch.zeros(shape) for shape in shapes))


def test_relativistic_sees_differences_of_logits_only():
    a, b = logits()
    for loss in (losses.relativistic, losses.relativistic_average):
        torch.testing.assert_close(loss(a + 5, b + 5), loss(a, b), rtol=1e-12, atol=1e-12)


def test_relativistic_average_of_one_pair_is_twice_relativistic():
    a, b = logits(count=1)
    for found, expected in zip(losses.relativistic_average(a, b), losses.relativistic(a, b), strict=True):
        torch.testing.assert_close(found, 2 * expected, rtol=1e-12, atol=0.0)


def distributions(points=6, seed=None):
    """(p, q) on a few points, both summing to one: six stated ones, or random ones."""
    weights = torch.tensor([[1, 2, 3, 4, 5, 6], [6, 1, 4, 3, 2, 3]], dtype=torch.float64)
    if seed is not None:
        weights = 0.05 + torch.rand(2, points, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return weights / weights.sum(1, keepdim=True)


def value(loss, p, q, logit):
    """V(T) = -E L_D over independent x ~ P, y ~ Q at the same logit function T (points,)."""
    n = len(p)
    a, b = logit[:, None].expand(n, n).flatten(), logit[None, :].expand(n, n).flatten()
    return -(p[:, None] * q[None, :]).flatten() @ loss(a, b).discriminator


@every_divergence
@pytest.mark.parametrize(("points", "seed"), [(6, None), (3, 1), (11, 2), (40, 3)])
def test_value_at_the_best_discriminator_is_the_divergence(loss, points, seed):
    p, q = distributions(points, seed)
    best, f = DIVERGENCES[loss]
    logit = best(p / q).requires_grad_()
    found = value(loss, p, q, logit)
    torch.testing.assert_close(found, q @ f(p / q), rtol=0.0, atol=1e-12)
    (gradient,) = torch.autograd.grad(found, logit)
    torch.testing.assert_close(gradient, torch.zeros(points, dtype=torch.float64), rtol=0.0, atol=1e-12)


@every_divergence
def test_other_discriminators_give_a_smaller_value(loss):
    p, q = distributions()
    best, f = DIVERGENCES[loss]
    for sign in (-1, 1):
        assert value(loss, p, q, 0.02 * best(p / q) + 0.1 * sign) < q @ f(p / q)


@every_divergence
def test_divergences_are_zero_sum_in_the_generator(loss):
    a, b = logits()
    _, by_fake, _, generator_by_fake = gradients(loss, a, b)
    torch.testing.assert_close(by_fake, -generator_by_fake, rtol=0.0, atol=0.0)


def test_minimax_value_is_twice_jensen_shannon_minus_log_four():
    p, q = distributions()
    middle = (p + q) / 2
    jensen_shannon = (p @ (p / middle).log() + q @ (q / middle).log()) / 2
    found = value(losses.minimax, p, q, (p / q).log())
    torch.testing.assert_close(found, 2 * jensen_shannon - math.log(4), rtol=0.0, atol=1e-12)
    found = value(losses.jensen_shannon, p, q, (p / q).log())
    torch.testing.assert_close(found, 2 * jensen_shannon, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("loss", [losses.minimax, losses.non_saturating, losses.relativistic], ids=name_of)
def test_no_jump_where_torch_rounds_softplus(loss):
    """Oracle: -logsigmoid(-t), exact at any logit; torch's softplus is x itself from 20 on, off by 2e-9."""
    a, b = torch.tensor([20.5, -20.5, 5.0], dtype=torch.float64), torch.tensor([0.0, 0.0, 25.5], dtype=torch.float64)

    def exact(t):
        return -torch.nn.functional.logsigmoid(-t)

    expected = {
        losses.minimax: (-exact(b), exact(-a) + exact(b)),
        losses.non_saturating: (exact(-b), exact(-a) + exact(b)),
        losses.relativistic: (exact(a - b), exact(b - a)),
    }[loss]
    torch.testing.assert_close(tuple(loss(a, b)), expected, rtol=1e-14, atol=0)
