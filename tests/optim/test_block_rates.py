"""Every update on random bilinear games and on the Dirac-GAN with and without R1, against its step written out.

Along each pair of singular vectors a bilinear game is v = J w with J = [[0, c], [-c, 0]]; the Dirac-GAN at rest has
J = [[0, c], [-c, gamma]] with c = -1/2. The closed form of a rate is the spectral radius of the published update on
that 2x2 field, here as a matrix on w = (x, y), or on (w, w one step before) for methods that remember.
"""

from functools import partial

import pytest
import torch

from cases import UPDATES
from nablagan import optim
from nablagan.tasks import toys
from oracle import draws
from steps import radius, step_matrix

EYE = torch.eye(2, dtype=torch.float64)
ZERO = 0 * EYE
SMALL = 1e-5
"""Distance from rest at which fields that are odd are linear to its square."""
STEPS, WEIGHT, BETA, RATE = 3, 0.6, -0.4, 0.07


def remembering(now, before):
    """The matrix on (w, w before) of w+ = now w + before w_before."""
    return torch.cat([torch.cat([now, before], 1), torch.cat([EYE, ZERO], 1)])


def in_turn(h, j):
    """(y's move, x's move after it) of gradient steps."""
    moves = EYE.clone(), EYE.clone()
    moves[0][1] -= h * j[1]
    moves[1][0] -= h * j[0]
    return moves


def alternating(h, j):
    first, second = in_turn(h, j)
    return second @ first


def negative_momentum(h, j):
    """y moves by its gradient and momentum, then x, whose momentum is its own."""
    first, second = in_turn(h, j)
    own = [torch.diag(torch.tensor(player, dtype=torch.float64)) for player in ([0, 1], [1, 0])]
    after_first = torch.cat([first + BETA * own[0], -BETA * own[0]], 1)  # of (w, w before)
    now = second @ after_first + BETA * torch.cat([own[1], -own[1]], 1)
    return torch.cat([now, torch.cat([EYE, ZERO], 1)])


def coupling(j):
    return j - torch.diag(j.diag())


def competitive(h, j):
    return EYE - h * torch.linalg.solve(EYE + h * coupling(j), j)


def ridge(h, j):
    """The discriminator's direction is v_y - J_yx v_x / J_yy; without curvature nothing is added."""
    added = torch.zeros(2, 2, dtype=torch.float64)
    if j[1, 1] != 0:
        added[1] = -j[1, 0] / j[1, 1] * j[0]
    return EYE - h * (j + added)


def unrolled(h, j):
    """y_K = m^K y + s x with m = 1 - RATE J_yy; d(c x y_K)/dx = c m^K y + 2 c s x."""
    c, m = j[0, 1], 1 - RATE * j[1, 1]
    s = sum(RATE * c * m**k for k in range(STEPS))
    return EYE - h * torch.stack([torch.stack([2 * c * s, c * m**STEPS]), j[1]])


def proximal(h, j):
    """w+ = w - h v(w+)."""
    return torch.linalg.inv(torch.eye(len(j), dtype=j.dtype) + h * j)


EXACT = {"tolerance": 1e-13, "iterations": 40}
CASES = [  # update, closed form of its step, steps of play that it is the matrix of
    (optim.Simultaneous, lambda h, j: EYE - h * j, 1),
    (optim.Alternating, alternating, 1),
    (optim.CriticFirst, alternating, 1),  # one sample: one move of the discriminator
    (optim.Extragradient, lambda h, j: EYE - h * j + h**2 * j @ j, 1),
    (optim.PastExtragradient, lambda h, j: remembering(EYE - 2 * h * j, h * j), 1),
    (optim.Optimistic, lambda h, j: remembering(EYE - 2 * h * j, h * j), 1),
    (
        partial(optim.Lookahead, steps=STEPS, weight=WEIGHT),
        lambda h, j: (1 - WEIGHT) * EYE + WEIGHT * torch.linalg.matrix_power(alternating(h, j), STEPS),
        STEPS,
    ),
    (partial(optim.NegativeMomentum, momentum=BETA), negative_momentum, 1),
    (
        partial(optim.SimultaneousNegativeMomentum, momentum=BETA),
        lambda h, j: remembering((1 + BETA) * EYE - h * j, -BETA * EYE),
        1,
    ),
    (partial(optim.Consensus, weight=0.3), lambda h, j: EYE - h * (j + 0.3 * j.T @ j), 1),
    (partial(optim.SymplecticAdjustment, weight=0.3), lambda h, j: EYE - h * (j + 0.15 * (j.T - j) @ j), 1),
    (partial(optim.CompetitiveGradientDescent, **EXACT), competitive, 1),
    # its P is lr / (sqrt(v2) + eps): lr itself for eps = 1 at rest, where v2 is SMALL^2
    (partial(optim.AdaptiveCompetitiveGradientDescent, eps=1.0, **EXACT), competitive, 1),
    (
        partial(optim.Lead, momentum=BETA, coupling=0.7),
        lambda h, j: remembering((1 + BETA) * EYE - h * (j + 0.7 * coupling(j)), 0.7 * h * coupling(j) - BETA * EYE),
        1,
    ),
    (partial(optim.FollowTheRidge, **EXACT), ridge, 1),
    (partial(optim.Unrolled, steps=STEPS, rate=RATE), unrolled, 1),
    (optim.RungeKutta2, lambda h, j: EYE - h * j + h**2 * j @ j / 2, 1),
    (
        optim.RungeKutta4,
        lambda h, j: sum(torch.linalg.matrix_power(-h * j, k) / f for k, f in enumerate((1, 1, 2, 6, 24))),
        1,
    ),
]
every_case = pytest.mark.parametrize(
    ("update", "closed_form", "steps"), CASES, ids=[getattr(case[0], "func", case[0]).__name__ for case in CASES]
)


def test_every_update_has_a_closed_form():
    assert {getattr(case[0], "func", case[0]) for case in CASES} == set(UPDATES)


def modulus(closed_form, h, blocks):
    matrices = [closed_form(h, torch.tensor(block, dtype=torch.float64)) for block in blocks]
    return max(torch.linalg.eigvals(matrix).abs().max().item() for matrix in matrices)


@every_case
@pytest.mark.parametrize(("rows", "columns", "seed", "h"), [(3, 3, 11, 0.13), (2, 4, 12, 0.21)])
def test_random_bilinear_games(update, closed_form, steps, rows, columns, seed, h):
    """The slowest or fastest growing pair decides; directions without partner stand still (c = 0)."""
    matrix = draws(rows, columns, seed=seed)
    singular = torch.linalg.svdvals(matrix).tolist() + [0.0] * (rows != columns)
    expected = modulus(closed_form, h, [[[0.0, c], [-c, 0.0]] for c in singular])
    found = radius(toys.bilinear(matrix), update, h, steps=steps, scale=SMALL)
    assert found == pytest.approx(expected, abs=1e-6 if "Adaptive" in str(update) else 1e-9)


@every_case
@pytest.mark.parametrize(("gamma", "h"), [(0.0, 0.17), (0.45, 0.23), (1.7, 0.11)])
def test_the_dirac_gan(update, closed_form, steps, gamma, h):
    expected = modulus(closed_form, h, [[[0.0, -0.5], [0.5, gamma]]])
    assert radius(toys.dirac(gamma), update, h, steps=steps, scale=SMALL) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("u", "seed"), [(0.1, 1), (1.0, 2), (10.0, 3)])
def test_competitive_descent_is_the_proximal_point_on_bilinear_games(u, seed):
    """The whole step is (I + lr J)^-1, of radius 1/sqrt(1 + u^2) at the smallest singular value."""
    matrix = draws(3, 3, seed=seed)
    values, lr = torch.linalg.svdvals(matrix), u / torch.linalg.svdvals(matrix)[-1].item()
    jacobian = torch.zeros(6, 6, dtype=torch.float64)
    jacobian[:3, 3:], jacobian[3:, :3] = matrix, -matrix.T
    found = step_matrix(toys.bilinear(matrix), partial(optim.CompetitiveGradientDescent, **EXACT), lr)
    torch.testing.assert_close(found, proximal(lr, jacobian), rtol=0, atol=1e-10)
    assert torch.linalg.eigvals(found).abs().max().item() == pytest.approx((1 + u * u) ** -0.5, abs=1e-10)
    assert values.min() > 0


def test_extragradient_is_the_proximal_point_to_third_order():
    """On a curved game: halving the rate divides the difference by 8, and simultaneous play's by 4."""
    game = toys.quadratic(0.6, 0.9, 1.3)
    jacobian = torch.tensor([[0.6, 1.3], [-1.3, 0.9]], dtype=torch.float64)
    for update, factor in ((optim.Extragradient, 8), (optim.Simultaneous, 4)):
        left = [(step_matrix(game, update, h) - proximal(h, jacobian)).norm() for h in (0.02, 0.01, 0.005)]
        assert (left[1] / left[2]).item() == pytest.approx(factor, rel=0.02)
        assert abs(left[1] / left[2] - factor) < abs(left[0] / left[1] - factor)


def test_optimistic_play_at_one_half_has_every_root_at_the_same_modulus():
    """u = 1/2: four roots of modulus 1/sqrt(2), exactly, by their product; the roots are double."""
    game = toys.bilinear(torch.tensor([[1.25]], dtype=torch.float64))
    for update in (optim.Optimistic, optim.PastExtragradient):
        found = step_matrix(game, update, 0.4)
        assert abs(torch.linalg.det(found)).item() ** 0.25 == pytest.approx(0.5**0.5, abs=1e-14)
        assert torch.linalg.eigvals(found).abs().max().item() == pytest.approx(0.5**0.5, abs=1e-7)
