"""The chain rule written out, against automatic differentiation of the losses (the game) in float64."""

import pytest
import torch

from cases import LOSSES, name_of
from nablagan import closed_form
from nablagan.pure import at, frozen
from nablagan.tasks import generation
from nablagan.types import InputError
from oracle import assert_near, batch_for, draws, tiny

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=name_of)
every_kind = pytest.mark.parametrize("kind", ["mlp", "dcgan"])


def arguments(players, batch, game):
    """What the functions of closed_form take after the derivatives: players as functions, the point, real samples."""
    generator, discriminator = players
    theta, psi = game.point().split(game.sizes)
    return (
        lambda t: at(generator, t)(batch.latent, batch.label),
        lambda p, x: at(discriminator, p)(x, batch.label),
        theta,
        psi,
        batch.real,
    )


@every_kind
@every_loss
def test_gradients_and_directional_derivatives_are_those_of_the_game(kind, loss):
    players, batch = tiny(kind), batch_for(kind)
    game, derivatives = generation(*players, loss=loss), getattr(closed_form, loss.__name__)
    given = arguments(players, batch, game)
    u, w = draws(sum(game.sizes), seed=7).split(game.sizes)
    with frozen(*players):
        theta_part = closed_form.generator_gradient(derivatives, *given)
        psi_part = closed_form.discriminator_gradient(derivatives, *given)
        along = [closed_form.directional_derivatives(derivatives, *given, pair) for pair in ((u, w), (u, 0 * w))]
    expected = game.field(batch).split(game.sizes)
    assert_near(theta_part, expected[0])
    assert_near(psi_part, expected[1])
    for found, direction in zip(along, (torch.cat([u, w]), torch.cat([u, 0 * w])), strict=True):
        assert_near(torch.stack(tuple(found)), torch.stack(tuple(game.directional_derivatives(batch, direction))))
    assert_near(along[1].generator, theta_part @ u)  # u moves L_G by its own gradient only


@every_loss
def test_derivatives_in_the_logits_are_those_of_the_loss(loss):
    """Batch size times the gradient of the mean: the coupled losses carry a sample's logit to all others."""
    a, b = 3 * draws(9, seed=1), 3 * draws(9, seed=2)
    found = getattr(closed_form, loss.__name__)(a, b)
    for player in ("generator", "discriminator"):
        by_real, by_fake = torch.func.grad(lambda x, y, p=player: getattr(loss(x, y), p).sum(), (0, 1))(a, b)
        assert_near(getattr(found, f"{player}_real"), by_real, 1e-12)
        assert_near(getattr(found, f"{player}_fake"), by_fake, 1e-12)


def test_second_directional_derivative_has_a_gauss_newton_and_a_curvature_part():
    """docs/calculus.md: E[l''_a ȧ² + l'_a ä + l''_b ḃ² + l'_b b̈] against the second derivative of the loss."""
    players, batch = tiny("mlp"), batch_for("mlp")
    game = generation(*players, loss=LOSSES[1])
    generate, judge, theta, psi, real = arguments(players, batch, game)
    u, w = draws(sum(game.sizes), seed=7).split(game.sizes)
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)

    def logits(t):
        return torch.stack([judge(psi + t * w, real), judge(psi + t * w, generate(theta + t * u))])

    def rates(t):
        return torch.func.jvp(logits, (t,), (one,))

    (value, first), (_, second) = torch.func.jvp(rates, (zero,), (one,))
    by_logit = closed_form.non_saturating(*value)
    slope = torch.stack([by_logit.discriminator_real, by_logit.discriminator_fake])
    curvature = torch.sigmoid(value) * torch.sigmoid(-value)
    expected = torch.func.jvp(
        lambda t: torch.func.jvp(lambda s: LOSSES[1](*logits(s)).discriminator.mean(), (t,), (one,))[1], (zero,), (one,)
    )[1]
    assert_near((curvature * first**2 + slope * second).sum(0).mean(), expected)


def test_r1_is_a_directional_derivative_along_a_constant_direction():
    """docs/calculus.md: ½||g||² and <v, g> - ½||v||² with v = g held constant have the same value and gradient."""
    players, batch = tiny("mlp"), batch_for("mlp")
    _, judge, _, psi, real = arguments(players, batch, generation(*players, loss=LOSSES[0]))

    def slope(p):
        return torch.func.grad(lambda x: judge(p, x).sum())(real)

    v = slope(psi)
    exact = torch.func.grad_and_value(lambda p: slope(p).square().sum() / 2)(psi)
    along = torch.func.grad_and_value(
        lambda p: torch.func.jvp(lambda x: judge(p, x), (real,), (v,))[1].sum() - v.square().sum() / 2
    )(psi)
    for found, expected in zip(along, exact, strict=True):
        assert_near(found, expected, 1e-12)


@every_loss
def test_logits_in_a_column_are_refused(loss):
    with pytest.raises(InputError, match="squeeze"):
        getattr(closed_form, loss.__name__)(torch.zeros(4, 1), torch.zeros(4))
