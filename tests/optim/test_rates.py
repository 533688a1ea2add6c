"""Every update against its closed form: spectral radii of the linear map that a step is, and dense solutions.

The map is read off the update's own code: one step from each basis vector of the point and of what it remembers.
Formulas for |m(z)|, z an eigenvalue of J and u = lr c on bilinear games, are stated in each test; see also the papers
that the updates cite.
"""

import math
from functools import partial

import numpy as np
import pytest
import torch

from nablagan import optim
from nablagan.tasks import toys
from steps import radius, sgd, step_matrix

MATRIX = torch.from_numpy(np.random.Generator(np.random.PCG64(7)).standard_normal((5, 5)))
SINGULAR = torch.linalg.svdvals(MATRIX).numpy()
DELTA = 1e-5
"""Distance from the equilibrium at which the Dirac-GAN, whose field is odd, is linear to DELTA^2."""


def ogda(z):
    """Largest root of m^2 - (1 - 2 z) m - z, z = lr times an eigenvalue of J."""
    return max(abs(np.roots([1, -(1 - 2 * z), -z])))


AMPLIFICATIONS = {
    optim.Simultaneous: lambda z: abs(1 - z),
    optim.Extragradient: lambda z: abs(1 - z + z * z),
    optim.PastExtragradient: ogda,
    optim.Optimistic: ogda,
    optim.RungeKutta2: lambda z: abs(1 - z + z**2 / 2),
    optim.RungeKutta4: lambda z: abs(1 - z + z**2 / 2 - z**3 / 6 + z**4 / 24),
    partial(optim.SimultaneousNegativeMomentum, momentum=-0.3): lambda z: max(abs(np.roots([1, -(0.7 - z), -0.3]))),
}
"""|m(z)| of one step of a method that acts on each eigenvalue of J alone."""


def label(update):
    return getattr(update, "func", update).__name__


@pytest.mark.parametrize("update", AMPLIFICATIONS, ids=label)
def test_rates_on_bilinear_games(update):
    """max over z = +-i lr c of |m(z)|."""
    for rate in (0.05, 0.15):
        expected = max(AMPLIFICATIONS[update](1j * rate * c) for c in SINGULAR)
        assert radius(toys.bilinear(MATRIX), update, rate) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 1.5])
@pytest.mark.parametrize("update", AMPLIFICATIONS, ids=label)
def test_rates_on_the_dirac_gan(update, gamma):
    """z = lr (gamma/2 +- sqrt(gamma^2 - 1)/2) at the equilibrium."""
    roots = [0.1 * (gamma / 2 + sign * np.emath.sqrt(gamma**2 - 1) / 2) for sign in (1, -1)]
    expected = max(AMPLIFICATIONS[update](z) for z in roots)
    assert radius(toys.dirac(gamma), update, 0.1, scale=DELTA) == pytest.approx(expected, abs=1e-8)


def test_numbers_of_the_dirac_gan():
    rates = {optim.Simultaneous: 1.0012492, optim.Extragradient: 0.9987523, optim.Optimistic: 0.9987461}
    for update, expected in rates.items():
        assert radius(toys.dirac(), update, 0.1, scale=DELTA) == pytest.approx(expected, abs=6e-8)
    for gamma in (0.1, 0.3, 0.9):  # simultaneous: sqrt(1 - h gamma + h^2/4), diverges iff h > 4 gamma
        expected = math.sqrt(1 - 0.5 * gamma + 0.0625)
        assert radius(toys.dirac(gamma), optim.Simultaneous, 0.5, scale=DELTA) == pytest.approx(expected, abs=1e-8)
        assert (expected > 1) is (4 * gamma < 0.5)
        alternating = radius(toys.dirac(gamma), optim.Alternating, 0.1, scale=DELTA)
        assert alternating == pytest.approx(math.sqrt(1 - 0.1 * gamma), abs=1e-8)


def test_a_run_decays_at_the_linear_rate():
    """Simultaneous play, gamma .3, h .1 from .01: sqrt(1 - h gamma + h^2/4) = .986154 a step."""
    game = toys.dirac(0.3)
    game.move_to(torch.tensor([0.01, 0.01]).double())
    play, norms = optim.Simultaneous(game, *sgd(game, 0.1)), []
    for _ in range(1500):
        play.step(toys.EMPTY)
        norms.append(game.point().norm().item())
    slope = np.polyfit(range(1500), np.log(norms), 1)[0]
    assert math.exp(slope) == pytest.approx(0.986154, abs=1e-5)


def one(c):
    return toys.bilinear(torch.tensor([[c]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("update", "threshold"),
    [
        (optim.Extragradient, 1.0),
        (optim.Optimistic, 1 / math.sqrt(3)),
        (optim.PastExtragradient, 1 / math.sqrt(3)),
        (optim.RungeKutta4, 2 * math.sqrt(2)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_thresholds(update, threshold):
    assert radius(one(1.0), update, threshold * 0.999) < 1 < radius(one(1.0), update, threshold * 1.001)


def test_alternating_play_circles_below_2_and_diverges_above():
    assert radius(toys.bilinear(MATRIX), optim.Alternating, 0.2) == pytest.approx(1, abs=1e-12)
    assert radius(one(1.0), optim.Alternating, 1.999) == pytest.approx(1, abs=1e-12)
    assert radius(one(1.0), optim.Alternating, 2.001) > 1.01
    assert radius(one(1.0), optim.RungeKutta2, 0.5) == pytest.approx(math.sqrt(1 + 0.5**4 / 4), abs=1e-12)
    assert radius(one(1.0), optim.RungeKutta4, 1.5) ** 2 == pytest.approx(1 - 1.5**6 / 72 + 1.5**8 / 576, abs=1e-12)
    assert radius(one(1.0), optim.Extragradient, 0.5**0.5) == pytest.approx(0.75**0.5, abs=1e-12)


def test_optimistic_play_is_fastest_at_one_half():
    assert radius(one(2.0), optim.Optimistic, 0.25) == pytest.approx(1 / math.sqrt(2), abs=1e-7)  # a double root


@pytest.mark.parametrize("game", [toys.bilinear(MATRIX), toys.quadratic(0.3, 0.2, 1.0)], ids=["bilinear", "quadratic"])
def test_past_extragradient_is_optimistic_on_linear_fields_and_lead_on_bilinear_ones(game):
    updates = [optim.Optimistic, optim.PastExtragradient]
    updates += [optim.Lead] if len(game.point()) == 10 else []
    start, paths = torch.ones_like(game.point()), []
    for update in updates:
        game.move_to(start)
        play, path = update(game, *sgd(game, 0.1)), []
        for _ in range(50):
            play.step(toys.EMPTY)
            path.append(game.point())
        paths.append(torch.stack(path))
    for path in paths[1:]:
        torch.testing.assert_close(path, paths[0], rtol=1e-12, atol=1e-12)


def test_lead_against_its_recurrence():
    """theta+ = theta + beta dtheta - lr v - alpha C (w - w_before), alpha = lr coupling, on a game with curvature."""
    game = toys.quadratic(0.3, 0.2, 1.0)
    play = optim.Lead(game, *sgd(game, 0.1), momentum=-0.2, coupling=0.7)
    jacobian = torch.tensor([[0.3, 1.0], [-1.0, 0.2]], dtype=torch.float64)
    coupling = jacobian - torch.diag(jacobian.diag())
    now = before = game.point()
    for _ in range(20):
        play.step(toys.EMPTY)
        now, before = (
            now - 0.1 * jacobian @ now + (-0.2 * torch.eye(2).double() - 0.07 * coupling) @ (now - before),
            now,
        )
        torch.testing.assert_close(game.point(), now, rtol=1e-12, atol=1e-12)


def test_negative_momentum():
    """The largest root of (m - 1)^2 (m - beta)^2 + u^2 m^3 in turn; diverges at the same point."""
    game = one(1.0)
    assert radius(game, optim.NegativeMomentum, 0.39) == pytest.approx(0.9773056, abs=6e-8)
    assert radius(game, optim.SimultaneousNegativeMomentum, 0.39) == pytest.approx(1.0118190, abs=6e-8)
    for beta, u in ((-0.5, 0.2), (-0.3, 0.8)):
        polynomial = np.polyadd(np.poly([1, 1, beta, beta]), [u**2, 0, 0, 0])
        found = radius(game, partial(optim.NegativeMomentum, momentum=beta), u)
        assert found == pytest.approx(max(abs(np.roots(polynomial))), abs=1e-10)
    for beta in (-0.9, -0.5, -0.1, 0.1, 0.5, 0.9):
        assert radius(game, partial(optim.SimultaneousNegativeMomentum, momentum=beta), 0.3) > 1


def test_lookahead():
    """1 - a + a (1 - z)^k an outer step; the first one returns to the start of play, not to the k-th point."""
    for steps, weight in ((5, 0.5), (3, 0.8)):
        update = partial(optim.Lookahead, steps=steps, weight=weight, inner=optim.Simultaneous)
        expected = max(abs(1 - weight + weight * (1 - 0.1j * c) ** steps) for c in SINGULAR)
        assert radius(toys.bilinear(MATRIX), update, 0.1, steps=steps) == pytest.approx(expected, abs=1e-10)
        twice = radius(toys.bilinear(MATRIX), update, 0.1, steps=2 * steps)
        assert twice == pytest.approx(expected**2, abs=1e-10)


@pytest.mark.parametrize("u", [0.1, 1.0, 10.0])
def test_competitive_descent_is_the_proximal_point_on_bilinear_games(u):
    assert radius(one(u), optim.CompetitiveGradientDescent, 1.0) == pytest.approx(1 / math.sqrt(1 + u * u), abs=1e-10)


def exact(update, **options):
    return partial(update, tolerance=1e-14, iterations=60, **options)


def dense(game):
    """J on the empty batch, and J without its diagonal blocks."""
    jacobian = torch.stack(
        [game.jacobian(toys.EMPTY) @ unit for unit in torch.eye(*[len(game.point())] * 2).double()], 1
    )
    first = game.sizes[0]
    coupling = jacobian.clone()
    coupling[:first, :first] = coupling[first:, first:] = 0
    return jacobian, coupling


def coupled_game():
    """Curved, coupled and not zero-sum at any point: 3 parameters against 2, from a random point."""
    draws = np.random.Generator(np.random.PCG64(3))
    a, b = torch.from_numpy(draws.standard_normal((3, 2))), torch.from_numpy(draws.standard_normal((3, 3)))
    game = toys.zero_sum(
        lambda x, y: torch.tanh(x @ a @ y) + (x @ b @ x) * y.square().sum(), a.new_ones(3), a.new_ones(2)
    )
    objective = game.discriminator_loss
    game.discriminator_loss = lambda d, fake, batch: objective(d, fake, batch)._replace(
        loss=objective(d, fake, batch).loss + torch.sin(fake[:2] @ d())
    )
    game.move_to(torch.from_numpy(draws.standard_normal(5)))
    return game


def test_competitive_descent_against_a_dense_solve():
    game = coupled_game()
    start, field, (_, coupling) = game.point(), game.field(toys.EMPTY), dense(game)
    rates = torch.tensor([0.3, 0.3, 0.3, 0.7, 0.7], dtype=torch.float64)
    optimizers = sgd(game, 0.3)
    optimizers[1].param_groups[0]["lr"] = 0.7
    exact(optim.CompetitiveGradientDescent)(game, *optimizers).step(toys.EMPTY)
    expected = start - rates * torch.linalg.solve(torch.eye(5).double() + coupling * rates, field)
    torch.testing.assert_close(game.point(), expected, rtol=1e-10, atol=1e-10)
    still = optim.competitive(lambda game: 0 * rates)(game, toys.EMPTY)
    torch.testing.assert_close(still, game.field(toys.EMPTY))


def test_adaptive_competitive_descent_against_a_dense_solve():
    game = coupled_game()
    play = exact(optim.AdaptiveCompetitiveGradientDescent, beta2=0.8)(game, *sgd(game, 0.1))
    squares = torch.zeros(5, dtype=torch.float64)
    for number in (1, 2, 3):
        start, field, (_, coupling) = game.point(), game.field(toys.EMPTY), dense(game)
        squares = 0.8 * squares + 0.2 * field.square()
        sizes = 0.1 / ((squares / (1 - 0.8**number)).sqrt() + 1e-5)
        play.step(toys.EMPTY)
        expected = start - torch.linalg.solve(torch.diag(1 / sizes) + coupling, field)
        torch.testing.assert_close(game.point(), expected, rtol=1e-9, atol=1e-9)


def test_consensus_and_symplectic_adjustment_against_dense_matrices():
    game = coupled_game()
    field, (jacobian, _) = game.field(toys.EMPTY), dense(game)
    adjustment = (jacobian - jacobian.T).T @ field / 2
    downhill = jacobian.T @ field
    torch.testing.assert_close(optim.consensus(0.3)(game, toys.EMPTY), field + 0.3 * downhill, rtol=1e-12, atol=1e-12)
    sign = torch.sign(field.dot(downhill) * adjustment.dot(downhill) / 5 + 0.1)
    found = optim.symplectic_adjustment(0.3)(game, toys.EMPTY)
    torch.testing.assert_close(found, field + sign * 0.3 * adjustment, rtol=1e-12, atol=1e-12)


def test_consensus_descends_half_the_squared_norm():
    """Central differences: no factor 1/2 is lost or won."""
    game = toys.dirac()
    game.move_to(torch.tensor([0.7, -0.4]).double())
    field, start = game.field(toys.EMPTY), game.point()
    halves = []
    for unit in torch.eye(2).double():
        values = []
        for sign in (1, -1):
            game.move_to(start + sign * 1e-5 * unit)
            values.append(0.5 * game.field(toys.EMPTY).square().sum())
        halves.append((values[0] - values[1]) / 2e-5)
    game.move_to(start)
    torch.testing.assert_close(
        optim.consensus(1.0)(game, toys.EMPTY) - field, torch.stack(halves), rtol=1e-9, atol=1e-9
    )


def test_rates_of_consensus_and_symplectic_adjustment():
    """Normal J: 1 - lr (z + weight |z|^2); bilinear: sqrt((1 - lr weight c^2)^2 + u^2) for both."""
    expected = max(math.hypot(1 - 0.05 * 0.4 * c * c, 0.05 * c) for c in SINGULAR)
    for update in (optim.Consensus, optim.SymplecticAdjustment):
        assert radius(toys.bilinear(MATRIX), partial(update, weight=0.4), 0.05) == pytest.approx(expected, abs=1e-10)
    z = 0.5 + 1j
    found = radius(toys.quadratic(0.5, 0.5, 1.0), partial(optim.Consensus, weight=0.4), 0.1)
    assert found == pytest.approx(abs(1 - 0.1 * (z + 0.4 * abs(z) ** 2)), abs=1e-10)


@pytest.mark.parametrize(("curvature", "sign"), [(1.0, 1.0), (-1.0, -1.0)])
def test_the_sign_rule_attracts_to_stable_zeros_and_repels_from_unstable_ones(curvature, sign):
    """J = [[s, c], [-c, s]]: s > 0 attracts, s < 0 repels; far from 0 the sign is that of s, with 0.1 near it +."""
    game = toys.quadratic(curvature, curvature, 2.0)
    adjustment = torch.tensor([[4.0, -2 * curvature], [2 * curvature, 4.0]], dtype=torch.float64)  # A^T J
    for scale, expected in ((10.0, sign), (1e-3, 1.0)):
        game.move_to(scale * torch.tensor([1.0, 0.5], dtype=torch.float64))
        found = optim.symplectic_adjustment(1.0)(game, toys.EMPTY) - game.field(toys.EMPTY)
        torch.testing.assert_close(found, expected * adjustment @ game.point(), rtol=1e-10, atol=1e-12)


QUADRATICS = {  # of the follow-the-ridge paper: (f, radius of simultaneous play, of the ridge) at lr .05
    "f1": (lambda x, y: -3 * x * x - y * y + 4 * x * y, 1.1, 0.9),
    "f2": (lambda x, y: 3 * x * x + y * y + 4 * x * y, 0.9, 1.1),
}


@pytest.mark.parametrize(("value", "plain", "ridge"), QUADRATICS.values(), ids=QUADRATICS.keys())
def test_follow_the_ridge_finds_local_minimax_points_only(value, plain, ridge):
    start = torch.ones(1, dtype=torch.float64)
    game = toys.zero_sum(value, start, start)
    assert radius(game, optim.Simultaneous, 0.05) == pytest.approx(plain, abs=1e-6)  # a double eigenvalue
    assert radius(game, optim.FollowTheRidge, 0.05) == pytest.approx(ridge, abs=1e-6)


def test_the_ridge_against_a_dense_solve():
    game = coupled_game()
    field, (jacobian, _) = game.field(toys.EMPTY), dense(game)
    rates = torch.tensor([0.3, 0.3, 0.3, 0.7, 0.7], dtype=torch.float64)
    answer = torch.linalg.solve(jacobian[3:, 3:], jacobian[3:, :3] @ (0.3 * field[:3]))
    expected = torch.cat([field[:3], field[3:] - answer / 0.7])
    found = optim.ridge(lambda game: rates, 1e-14, 60)(game, toys.EMPTY)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_unrolling_adds_damping():
    """J becomes [[2 K rate c^2, c], [-c, 0]] on bilinear games."""
    for steps, rate, c in ((1, 0.1, 1.5), (4, 0.03, 0.7)):
        found = step_matrix(one(c), partial(optim.Unrolled, steps=steps, rate=rate), 0.2)
        expected = torch.eye(2).double() - 0.2 * torch.tensor(
            [[2 * steps * rate * c * c, c], [-c, 0.0]], dtype=torch.float64
        )
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_unrolling_differentiates_through_every_descent():
    """Central differences of L_G(theta, psi_K(theta)), the descents made anew at each theta."""
    game = coupled_game()
    start = game.point()

    def value(theta):
        game.move_to(torch.cat([theta, start[3:]]))
        for _ in range(3):
            field = game.field(toys.EMPTY)
            game.move_to(game.point() - 0.05 * torch.cat([torch.zeros(3).double(), field[3:]]))
        return game.losses(toys.EMPTY).generator

    units = torch.eye(3).double()
    expected = torch.stack([(value(start[:3] + 1e-5 * e) - value(start[:3] - 1e-5 * e)) / 2e-5 for e in units])
    game.move_to(start)
    found = optim.unrolled(3, 0.05)(game, toys.EMPTY)
    torch.testing.assert_close(found[:3], expected, rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(found[3:], game.field(toys.EMPTY)[3:])


def test_the_penalty_of_ode_gan():
    """Runge-Kutta with and without: the difference is lr penalty grad_psi |grad_theta L_G|^2, by differences."""
    game = coupled_game()
    start, ends = game.point(), []
    for penalty in (0.0, 0.2):
        game.move_to(start)
        optim.RungeKutta4(game, *sgd(game, 0.1), penalty=penalty).step(toys.EMPTY)
        ends.append(game.point())
    slopes = []
    for unit in torch.eye(5)[3:].double():
        norms = []
        for sign in (1, -1):
            game.move_to(start + sign * 1e-5 * unit)
            norms.append(game.field(toys.EMPTY)[:3].square().sum())
        slopes.append((norms[0] - norms[1]) / 2e-5)
    expected = torch.cat([torch.zeros(3).double(), -0.1 * 0.2 * torch.stack(slopes)])
    torch.testing.assert_close(ends[1] - ends[0], expected, rtol=1e-7, atol=1e-9)
