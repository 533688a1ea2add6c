"""The alternating step's operator against dense products, closed forms, and the update itself."""

import math

import numpy as np
import pytest
import torch

from nablagan import diagnostics, losses, optim, penalties
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Oracle, batch_for, draws, tiny
from steps import step_matrix


def dense(operator):
    return operator.matmat(np.eye(operator.shape[0]))


def factors(matrix, rates, sizes):
    """(I - P_D J), (I - P_G J) as dense matrices."""
    which = torch.cat([torch.zeros(sizes[0]), torch.ones(sizes[1])]).to(rates)
    one = torch.eye(len(rates)).to(rates)
    return one - torch.diag(which * rates) @ matrix, one - torch.diag((1 - which) * rates) @ matrix


def test_a_small_gan_against_the_dense_product():
    players, weights = tiny("mlp"), {penalties.r1: 0.7}
    game, batch = generation(*players, losses.relativistic, weights), batch_for("mlp")
    matrix = Oracle(*players, losses.relativistic, weights, batch).matrix().detach()
    rates = 0.1 + draws(len(matrix), seed=4).abs()
    first, second = factors(matrix, rates, game.sizes)
    operator = diagnostics.alternating_operator(game.jacobian(batch), rates)
    u = draws(len(matrix), seed=5)
    assert torch.allclose(torch.from_numpy(operator.matvec(u.numpy())), second @ (first @ u), atol=1e-12)
    assert torch.allclose(torch.from_numpy(operator.rmatvec(u.numpy())), (second @ first).T @ u, atol=1e-12)
    moved = diagnostics.displacement(operator)
    assert torch.allclose(torch.from_numpy(moved.matvec(u.numpy())), u - second @ (first @ u), atol=1e-12)
    assert torch.allclose(torch.from_numpy(moved.rmatvec(u.numpy())), u - (second @ first).T @ u, atol=1e-12)
    values = np.linalg.eigvals((second @ first).numpy())
    found = diagnostics.alternating_eigenvalues(game.jacobian(batch), rates, count=4)
    assert np.sort(abs(found.values)) == pytest.approx(np.sort(abs(values))[-4:], abs=1e-8)
    far = diagnostics.operator_eigenvalues(moved, count=4)
    assert np.sort(abs(far.values)) == pytest.approx(np.sort(abs(1 - values))[-4:], abs=1e-8)


@pytest.mark.parametrize("rate", [0.05, 0.4])
def test_it_is_the_step_that_alternating_makes(rate):
    """On a game with a linear field, read off the update's own code."""
    game, rates = toys.quadratic(a=1.5, b=0.5, c=2.0), torch.full((2,), rate, dtype=torch.float64)
    game.move_to(0 * game.point())
    found = dense(diagnostics.alternating_operator(game.jacobian(toys.EMPTY), rates))
    assert found == pytest.approx(np.asarray(step_matrix(game, optim.Alternating, rate)), abs=1e-12)


@pytest.mark.parametrize("rate", [0.1, 0.6])
def test_bilinear_games_cycle_where_simultaneous_play_diverges(rate):
    """|m| = 1 for lr c < 2, against sqrt(1 + lr^2 c^2)."""
    matrix = draws(6, 6, seed=1)
    matrix = matrix * 2 / torch.linalg.matrix_norm(matrix, 2)
    jacobian = toys.bilinear(matrix).jacobian(toys.EMPTY)
    turns = diagnostics.alternating_eigenvalues(jacobian, rate, count=12)
    assert abs(turns.values) == pytest.approx(np.ones(12), abs=1e-10)
    together = diagnostics.step_eigenvalues(jacobian, rate)
    assert abs(together.values[0]) == pytest.approx(math.sqrt(1 + (2 * rate) ** 2), abs=1e-12)


def test_bilinear_games_diverge_in_turns_beyond_a_rate_of_two_over_c():
    """|m| = u^2/2 - 1 + sqrt((u^2/2 - 1)^2 - 1), u = lr c = 2.5."""
    half = 2.5**2 / 2 - 1
    found = diagnostics.alternating_eigenvalues(toys.quadratic(0.0, 0.0, 1.0).jacobian(toys.EMPTY), 2.5)
    assert abs(found.values[0]) == pytest.approx(half + math.sqrt(half**2 - 1), abs=1e-12)


@pytest.mark.parametrize("gamma", [0.1, 0.3, 0.77])
def test_the_dirac_gan_with_r1(gamma):
    """sqrt(1 - h gamma) for gamma < 1 (a small step h): both eigenvalues on that circle."""
    game = toys.dirac(gamma)
    game.move_to(0 * game.point())
    found = diagnostics.alternating_eigenvalues(game.jacobian(toys.EMPTY), 0.1)
    assert abs(found.values) == pytest.approx([math.sqrt(1 - 0.1 * gamma)] * 2, abs=1e-12)


def test_rates_of_another_shape_are_refused():
    jacobian = toys.dirac(0.3).jacobian(toys.EMPTY)
    with pytest.raises(InputError, match=r"rates are \(3,\): give a number, or one for each of 2 parameters"):
        diagnostics.alternating_operator(jacobian, torch.ones(3))
