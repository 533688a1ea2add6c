"""The update audit against quadratics written out, dense Hessians, and the order of what is left over."""

import pytest
import torch

from nablagan import diagnostics, losses, penalties
from nablagan.optim import Alternating
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Oracle, assert_near, batch_for, draws, plain_game, tiny


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quadratic_games_are_audited_exactly(seed):
    a, b, c, x, y, dx, dy = draws(7, seed=seed).tolist()
    game = toys.quadratic(a, b, c)
    start, move = torch.tensor([[x, y], [dx, dy]], dtype=torch.float64)
    game.move_to(draws(2))  # the audit is about start and end, wherever the game is
    found = diagnostics.update_audit(game, start, start + move, toys.EMPTY)
    by_x, by_y, bent_x, bent_y, cross = (
        (a * x + c * y) * dx,
        (c * x - b * y) * dy,
        a * dx**2 / 2,
        -b * dy**2 / 2,
        c * dx * dy,
    )
    realised, x_alone, y_alone = by_x + by_y + bent_x + bent_y + cross, by_x + bent_x, by_y + bent_y
    generator = (by_x, by_y, bent_x, bent_y, cross, realised, x_alone, y_alone)
    discriminator = (-by_y, -by_x, -bent_y, -bent_x, -cross, -realised, -y_alone, -x_alone)
    assert found.generator == pytest.approx(generator, abs=1e-12)
    assert found.discriminator == pytest.approx(discriminator, abs=1e-12)
    assert found.generator.interaction == pytest.approx(cross, abs=1e-12)
    assert found.discriminator.predicted == pytest.approx(-by_x - by_y, abs=1e-12)


def small_game(loss=losses.non_saturating):
    weights = {penalties.r1: 0.7, penalties.r2: 1.3}
    return generation(*tiny("dcgan"), loss, weights), batch_for("dcgan"), weights


def test_terms_of_a_small_gan_are_those_of_plain_differentiation():
    """Oracle: gradients and reverse-over-reverse products of torch.autograd on the live, conditional players."""
    game, batch, weights = small_game()
    start, move = game.point(), 0.1 * draws(sum(game.sizes), seed=4)
    found = diagnostics.update_audit(game, start, start + move, batch)
    oracle, theta = Oracle(*game.players, losses.non_saturating, weights, batch), game.sizes[0]
    own = torch.cat([move[:theta], 0 * move[theta:]])
    for player, audit in enumerate(found):
        mine, other = (own, move - own) if player == 0 else (move - own, own)
        gradient = oracle.gradients[player]
        bent = oracle.gradient(gradient @ mine)
        expected = [gradient @ mine, gradient @ other, bent @ mine / 2, oracle.gradient(gradient @ other) @ other / 2]
        assert_near(torch.tensor(audit[:5], dtype=torch.float64), torch.stack([*expected, bent @ other]).detach())


def test_realised_changes_are_those_of_the_moved_game():
    game, batch, _ = small_game()
    start, before = game.point(), torch.stack(tuple(game.losses(batch)))
    optimizers = [torch.optim.Adam(player.parameters(), lr=0.01) for player in game.players]
    Alternating(game, *optimizers).step(batch)
    end, change = game.point(), torch.stack(tuple(game.losses(batch))) - before
    found = diagnostics.update_audit(game, start, end, batch)
    assert [audit.realised for audit in found] == pytest.approx(change.tolist(), abs=1e-12)
    assert torch.equal(game.point(), end)
    assert found.discriminator.own < 0


@pytest.mark.parametrize(("loss", "seed"), [(losses.minimax, 1), (losses.non_saturating, 2), (losses.relativistic, 3)])
def test_halving_a_move_divides_what_the_cross_term_leaves_by_eight(loss, seed):
    """interaction = cross + O(size^3), and the whole Taylor remainder is of the same order."""
    game = plain_game(loss=loss)
    batch, start, move = batch_for("mlp", 5), game.point(), draws(sum(game.sizes), seed=seed)
    left = []
    for size in (0.1, 0.05, 0.025, 0.0125):
        found = diagnostics.update_audit(game, start, start + size * move, batch).generator
        second = found.predicted + found.own_curvature + found.other_curvature + found.cross
        left.append([abs(found.interaction - found.cross), abs(found.realised - second)])
    ratios = torch.tensor(left[:-1]) / torch.tensor(left[1:])
    assert (ratios[-1] - 8).abs().max() < 0.5
    assert ((ratios[-1] - 8).abs() < (ratios[0] - 8).abs()).all()


def test_points_of_another_size_or_dtype_are_refused():
    game = toys.dirac()
    for wrong in (torch.zeros(3).double(), torch.zeros(2)):
        with pytest.raises(InputError, match=r"end is .*: give a flat vector \(2,\)"):
            diagnostics.update_audit(game, game.point(), wrong, toys.EMPTY)
        with pytest.raises(InputError, match=r"start is .*: give a flat vector \(2,\)"):
            diagnostics.update_audit(game, wrong, game.point(), toys.EMPTY)
