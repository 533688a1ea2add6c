"""The split of the Jacobian against closed forms, dense matrices, and the block structure of zero-sum games."""

import math

import pytest
import torch

from cases import LOSSES, name_of
from nablagan import diagnostics, losses, penalties
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Oracle, batch_for, draws, tiny

WEIGHTS = {penalties.r1: 0.7}


@pytest.mark.parametrize(("a", "b", "c"), [(3.0, 2.0, 1.0), (0.2, -0.4, 1.7), (0.0, 0.0, 2.5)])
def test_the_split_of_quadratic_games(a, b, c):
    """J = [[a, c], [-c, b]]: ||S||^2 = a^2 + b^2, ||A||^2 = 2 c^2."""
    game, u = toys.quadratic(a, b, c), draws(2)
    found = diagnostics.rotation(game.jacobian(toys.EMPTY), probes=2)
    assert found[:2] == pytest.approx((a * a + b * b, 2 * c * c), abs=1e-12)
    assert found[2:] == (0, 0)
    assert found.share == pytest.approx(2 * c * c / (a * a + b * b + 2 * c * c))
    jacobian = game.jacobian(toys.EMPTY)
    expected = torch.stack([a * u[0], b * u[1]]), torch.stack([c * u[1], -c * u[0]])
    torch.testing.assert_close(diagnostics.symmetric_product(jacobian, u), expected[0])
    torch.testing.assert_close(diagnostics.antisymmetric_product(jacobian, u), expected[1])


def dense(game, batch, loss):
    return Oracle(*game.players, loss, WEIGHTS, batch).matrix().detach()


def test_estimates_of_a_small_gan():
    """Hutchinson's mean within four of its standard errors, and that error right: by the dense matrix."""
    game, batch = generation(*tiny("mlp"), losses.non_saturating, WEIGHTS), batch_for("mlp")
    matrix = dense(game, batch, losses.non_saturating)
    parts = (matrix + matrix.T) / 2, (matrix - matrix.T) / 2
    few = diagnostics.rotation(game.jacobian(batch), probes=30)
    for k, part in enumerate(parts):
        square = part.T @ part
        assert abs(few[k] - square.trace().item()) < 4 * few[k + 2]
        variance = 2 * (square.square().sum() - square.diag().square().sum()).item()  # of one probe of signs
        assert few[k + 2] == pytest.approx(math.sqrt(variance / 30), rel=0.5)
    assert (
        diagnostics.rotation(game.jacobian(batch), probes=1, seed=1)[0]
        != diagnostics.rotation(game.jacobian(batch), probes=1)[0]
    )
    assert math.isnan(diagnostics.rotation(game.jacobian(batch), probes=1).symmetric_error)


@pytest.mark.parametrize(
    "loss", [losses.minimax, losses.jensen_shannon, losses.pearson, losses.wasserstein], ids=name_of
)
def test_in_zero_sum_games_the_antisymmetric_part_is_the_coupling(loss):
    """S without coupling blocks, A without the players' own: an R1 term, of psi alone, changes nothing of it."""
    game, batch = generation(*tiny("mlp"), loss, WEIGHTS), batch_for("mlp")
    assert loss in LOSSES
    jacobian, theta = game.jacobian(batch), game.sizes[0]
    u = draws(sum(game.sizes))
    for mine, other in ((slice(None, theta), slice(theta, None)), (slice(theta, None), slice(None, theta))):
        part = torch.zeros_like(u)
        part[mine] = u[mine]
        assert diagnostics.symmetric_product(jacobian, part)[other].abs().max() <= 1e-14
        assert diagnostics.antisymmetric_product(jacobian, part)[mine].abs().max() <= 1e-14
        assert diagnostics.antisymmetric_product(jacobian, part)[other].norm() > 1e-4 * part.norm()


def test_the_non_saturating_loss_is_not_zero_sum():
    game, batch = generation(*tiny("mlp"), losses.non_saturating), batch_for("mlp")
    part = torch.cat([torch.zeros(game.sizes[0]).double(), draws(game.sizes[1])])
    assert diagnostics.symmetric_product(game.jacobian(batch), part)[: game.sizes[0]].norm() > 1e-4 * part.norm()


def test_no_probes_are_refused():
    with pytest.raises(InputError, match="probes are 0: give 1 or more"):
        diagnostics.rotation(toys.dirac().jacobian(toys.EMPTY), probes=0)
    flat = toys.zero_sum(lambda x, y: x - y, torch.ones(1), torch.ones(1))
    assert math.isnan(diagnostics.rotation(flat.jacobian(toys.EMPTY)).share)
