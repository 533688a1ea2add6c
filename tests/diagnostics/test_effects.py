"""The cheap audit against games written out, plain differentiation, and the full audit."""

import math

import pytest
import torch

from nablagan import diagnostics, losses, penalties
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Oracle, batch_for, draws, tiny

WEIGHTS = {penalties.r1: 0.7, penalties.r2: 1.3}


def sign(value):
    return math.copysign(1.0, value)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quadratic_games_written_out(seed):
    """In one dimension each a cosine is a sign."""
    a, b, c, x, y, dx, dy = draws(7, seed=seed).tolist()
    game = toys.quadratic(a, b, c)
    start, move = torch.tensor([[x, y], [dx, dy]], dtype=torch.float64)
    game.move_to(draws(2))  # the effects are about start and end, wherever the game is
    found = diagnostics.update_effects(game, start, start + move, toys.EMPTY)
    by_x, by_y = (a * x + c * y) * dx, (c * x - b * y) * dy
    x_alone, y_alone = by_x + a * dx**2 / 2, by_y - b * dy**2 / 2
    after_x, after_y = a * (x + dx) + c * (y + dy), c * (x + dx) - b * (y + dy)
    turned = sign(by_x * after_x * dx), sign(by_y * after_y * dy)
    assert found.generator == pytest.approx((by_x, by_y, x_alone, y_alone, -sign(by_x), turned[0]), abs=1e-12)
    assert found.discriminator == pytest.approx((-by_y, -by_x, -y_alone, -x_alone, sign(by_y), turned[1]), abs=1e-12)
    assert found.generator.own_ratio == pytest.approx(x_alone / by_x)
    assert found.discriminator.other_ratio == pytest.approx(-by_x / abs(by_y))


def test_a_bilinear_game_turns_by_the_angle_of_its_step():
    """x^T A y with A orthogonal: v = (A y, -A^T x), and after a simultaneous step eta, v turns by arctan(eta)."""
    rate = 0.3
    matrix = torch.linalg.qr(draws(3, 3))[0]
    game = toys.bilinear(matrix)
    start = draws(6, seed=2)
    game.move_to(start)
    x, y = start.split(3)
    end = start - rate * game.field(toys.EMPTY)
    found = diagnostics.update_effects(game, start, end, toys.EMPTY)
    assert found.generator.own == pytest.approx(-rate * y.dot(y).item(), abs=1e-12)
    assert found.generator.own_realised == pytest.approx(found.generator.own, abs=1e-12)  # no curvature
    assert found.generator.other == pytest.approx(rate * x.dot(x).item(), abs=1e-12)
    assert found.generator.update_cosine == pytest.approx(1.0)
    after = y + rate * matrix.T @ x
    assert found.generator.successive_cosine == pytest.approx(
        (y.dot(after) / y.norm() / after.norm()).item(), abs=1e-12
    )


def small_game(loss=losses.non_saturating):
    return generation(*tiny("dcgan"), loss, WEIGHTS), batch_for("dcgan")


@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic, losses.minimax])
def test_it_agrees_with_the_full_audit(loss):
    game, batch = small_game(loss)
    start, move = game.point(), 0.1 * draws(sum(game.sizes), seed=4)
    found = diagnostics.update_effects(game, start, start + move, batch)
    audit = diagnostics.update_audit(game, start, start + move, batch)
    for side, full in zip(found, audit, strict=True):
        assert side[:4] == pytest.approx((full.own, full.other, full.own_realised, full.other_realised), abs=1e-12)


def test_cosines_of_a_small_gan_are_those_of_plain_differentiation():
    """Oracle: gradients of torch.autograd on the live, conditional players, before and after."""
    game, batch = small_game()
    start, move = game.point(), 0.1 * draws(sum(game.sizes), seed=4)
    fields = []
    for point in (start, start + move):
        game.move_to(point)
        fields.append(Oracle(*game.players, losses.non_saturating, WEIGHTS, batch).field.detach().split(game.sizes))
    found = diagnostics.update_effects(game, start, start + move, batch)
    for side, before, after, part in zip(found, *fields, move.split(game.sizes), strict=True):
        expected = torch.cosine_similarity(part, -before, 0).item(), torch.cosine_similarity(before, after, 0).item()
        assert side[4:] == pytest.approx(expected, abs=1e-10)
    assert torch.equal(game.point(), start + move)  # nothing is moved by asking


def test_no_move_has_no_ratio_and_no_cosine():
    game = toys.quadratic(1.0, 1.0, 1.0)
    side = diagnostics.update_effects(game, game.point(), game.point(), toys.EMPTY).generator
    assert side[:4] == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(side.own_ratio)
    assert math.isnan(side.other_ratio)
    assert math.isnan(side.update_cosine)
    assert side.successive_cosine == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [torch.zeros(3).double(), torch.zeros(2)])
def test_points_of_another_size_or_dtype_are_refused(bad):
    game = toys.quadratic(1.0, 1.0, 1.0)
    with pytest.raises(InputError, match="end"):
        diagnostics.update_effects(game, game.point(), bad, toys.EMPTY)
