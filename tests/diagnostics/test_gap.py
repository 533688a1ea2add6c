"""The duality gap against closed forms of quadratic and linear games, and scipy's minimiser on a small GAN."""

import math

import pytest
import torch
from scipy.optimize import minimize

from nablagan import diagnostics, losses, penalties
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Plain, batch_for, draws, tiny


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_gap_of_quadratic_games(seed):
    """(a + c^2/b) x^2 / 2 + (b + c^2/a) y^2 / 2."""
    a, b = draws(2, seed=seed).abs().add(0.1).tolist()
    c, x, y = draws(3, seed=seed + 10).tolist()
    game = toys.quadratic(a, b, c)
    game.move_to(torch.tensor([x, y], dtype=torch.float64))
    expected = (a + c * c / b) * x * x / 2 + (b + c * c / a) * y * y / 2
    found = diagnostics.duality_gap(game, toys.EMPTY)
    assert found.total == pytest.approx(expected, abs=1e-12)
    assert found.generator == pytest.approx((a * x + c * y) ** 2 / (2 * a), abs=1e-12)
    assert diagnostics.duality_gap(game, toys.EMPTY, steps=1).total == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_quadratic_of_k_parameters_is_solved_in_k_steps(seed):
    """x^T P x/2 + x^T C y - y^T Q y/2: gaps g^T P^-1 g/2 of each player's gradient g, by a dense solve."""
    size = 6
    roots, coupling = draws(2, size, size, seed=seed), draws(size, size, seed=seed + 5)
    p, q = (root @ root.T + torch.eye(size).double() for root in roots)
    game = toys.zero_sum(
        lambda x, y: x @ p @ x / 2 + x @ coupling @ y - y @ q @ y / 2, *torch.ones(2, size, dtype=torch.float64)
    )
    game.move_to(draws(2 * size, seed=seed + 7))
    by_x, by_y = game.field(toys.EMPTY).split(size)
    expected = [(g @ torch.linalg.solve(m, g)).item() / 2 for g, m in ((by_x, p), (by_y, q))]
    assert diagnostics.duality_gap(game, toys.EMPTY, steps=size) == pytest.approx(expected, rel=1e-10)
    early = diagnostics.duality_gap(game, toys.EMPTY, steps=2)
    assert all(0 < some < whole for some, whole in zip(early, expected, strict=True))


def test_the_gap_of_bilinear_games():
    """Without bound; within a ball the loss is linear: radius (|A y| + |A^T x|)."""
    matrix, x, y = draws(3, 4), draws(3, seed=2), draws(4, seed=3)
    game = toys.bilinear(matrix)
    game.move_to(torch.cat([x, y]))
    assert diagnostics.duality_gap(game, toys.EMPTY) == (math.inf, math.inf)
    found = diagnostics.duality_gap(game, toys.EMPTY, radius=0.3)
    expected = (0.3 * (matrix @ y).norm().item(), 0.3 * (matrix.T @ x).norm().item())
    assert found == pytest.approx(expected, rel=1e-12)


def test_at_an_equilibrium_there_is_no_gap():
    for game in (toys.dirac(0.3), toys.bilinear(draws(3, 3)), toys.quadratic(1.0, 2.0, 3.0)):
        game.move_to(0 * game.point())
        assert diagnostics.duality_gap(game, toys.EMPTY) == (0, 0)


def test_the_discriminators_part_is_what_an_independent_minimiser_finds():
    """A discriminator linear in its parameters with R1 has a convex loss: scipy's BFGS finds its minimum."""
    torch.manual_seed(0)
    generator = Plain(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
    discriminator = Plain(torch.nn.Linear(3, 1), logit=True).double()
    game, batch = generation(generator, discriminator, losses.minimax, {penalties.r1: 0.3}), batch_for("mlp", 6)
    start, theta = game.point(), game.sizes[0]
    found = diagnostics.duality_gap(game, batch, steps=60, radius=10.0)

    def objective(psi):
        game.move_to(torch.cat([start[:theta], torch.from_numpy(psi.copy())]))
        return game.losses(batch).discriminator.item(), game.field(batch)[theta:].numpy()

    best = minimize(objective, start[theta:].numpy(), jac=True, method="BFGS", options={"gtol": 1e-10})
    game.move_to(start)
    assert found.discriminator == pytest.approx(game.losses(batch).discriminator.item() - best.fun, abs=1e-9)


def test_more_steps_and_a_larger_ball_never_make_it_smaller():
    """On a convolutional game with classes; what is gained is really there, and it is no more than the loss allows."""
    game, batch = generation(*tiny("dcgan"), losses.non_saturating), batch_for("dcgan")
    gaps = [
        diagnostics.duality_gap(game, batch, steps=steps, radius=radius)
        for steps, radius in ((1, 0.1), (3, 0.1), (3, 0.3), (6, 0.3))
    ]
    for smaller, larger in ((0, 1), (2, 3), (0, 2)):
        assert all(a <= b for a, b in zip(gaps[smaller], gaps[larger], strict=True))
    for gap, loss in zip(gaps[-1], game.losses(batch), strict=True):
        assert 0 < gap < loss.item()


def test_players_that_are_not_numbers_have_no_gap():
    game = toys.dirac()
    game.move_to(torch.tensor([math.nan, 1.0]).double())
    assert all(math.isnan(part) for part in diagnostics.duality_gap(game, toys.EMPTY))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"radius": 0.0}, {"radius": math.nan}])
def test_searches_that_go_nowhere_are_refused(wrong):
    with pytest.raises(InputError, match="give steps >= 1 and a radius > 0"):
        diagnostics.duality_gap(toys.dirac(), toys.EMPTY, **wrong)


@pytest.mark.parametrize("radius", [1.0, math.inf])
def test_a_slope_whose_square_underflows_is_no_gain(radius):
    """In float32, as that of a saturated loss is: xy at (1, 1) times 1e-30."""
    game = toys.bilinear(torch.tensor([[1e-30]]))
    assert diagnostics.duality_gap(game, toys.EMPTY, radius=radius) == (0.0, 0.0)
