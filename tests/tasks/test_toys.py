"""Toy games against their closed forms: fields, Jacobians, eigenvalues, and the rates of simulated play."""

import pytest
import torch

from nablagan import losses, penalties
from nablagan.optim import Alternating, Simultaneous
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrix(game):
    """The dense Jacobian, from products with the unit vectors, checked against the transposed ones."""
    jacobian = game.jacobian(toys.EMPTY)
    units = torch.eye(sum(game.sizes), dtype=torch.float64)
    dense = torch.stack([jacobian @ unit for unit in units], 1)
    assert torch.equal(torch.stack([jacobian.T @ unit for unit in units]), dense)
    return dense


def eigenvalues(game):
    found = torch.linalg.eigvals(matrix(game))
    return found[torch.argsort(found.imag + 1e-6 * found.real)]


def test_bilinear():
    a = draws(3, 5)
    game, x, y = toys.bilinear(a), draws(3, seed=2), draws(5, seed=3)
    assert torch.equal(game.point(), torch.ones(8).double())
    game.move_to(torch.cat([x, y]))
    value = x @ a @ y
    torch.testing.assert_close(torch.stack(tuple(game.losses(toys.EMPTY))), torch.stack([value, -value]))
    torch.testing.assert_close(game.field(toys.EMPTY), torch.cat([a @ y, -(a.T @ x)]))
    expected = torch.zeros(8, 8).double()
    expected[:3, 3:], expected[3:, :3] = a, -a.T
    assert torch.equal(matrix(game), expected)


def test_bilinear_eigenvalues_are_the_singular_values_on_the_imaginary_axis():
    a = draws(4, 4)
    found, singular = eigenvalues(toys.bilinear(a)), torch.linalg.svdvals(a)
    torch.testing.assert_close(found.imag, torch.cat([-singular, singular.flip(0)]), rtol=1e-10, atol=1e-10)
    assert found.real.abs().max() < 1e-12


@pytest.mark.parametrize("wrong", [torch.ones(3), torch.ones(2, 2, 2), torch.ones(2, 2, dtype=torch.int64)])
def test_bilinear_refuses_what_is_not_a_matrix(wrong):
    with pytest.raises(InputError, match=r"give a floating-point \(rows, columns\)"):
        toys.bilinear(wrong)


@pytest.mark.parametrize(("a", "b", "c"), [(3.0, 2.0, 1.0), (-6.0, 2.0, 4.0), (6.0, -2.0, 4.0), (0.0, 0.0, 1.5)])
def test_quadratic(a, b, c):
    game = toys.quadratic(a, b, c)
    x, y = draws(2)
    game.move_to(torch.stack([x, y]))
    torch.testing.assert_close(game.field(toys.EMPTY), torch.stack([a * x + c * y, b * y - c * x]))
    value = a * x * x / 2 + c * x * y - b * y * y / 2
    torch.testing.assert_close(torch.stack(tuple(game.losses(toys.EMPTY))), torch.stack([value, -value]))
    expected = torch.tensor([[a, c], [-c, b]]).double()
    torch.testing.assert_close(matrix(game), expected, rtol=1e-14, atol=1e-14)
    root = torch.tensor((a - b) ** 2 / 4 - c**2, dtype=torch.complex128).sqrt()
    closed = torch.stack([(a + b) / 2 - root, (a + b) / 2 + root])
    closed = closed[torch.argsort(closed.imag + 1e-6 * closed.real)]
    torch.testing.assert_close(eigenvalues(game), closed, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 1.0, 1.5])
def test_dirac_eigenvalues(gamma):
    """gamma/2 +- sqrt(gamma^2/4 - 1/4); at gamma = 1 the double root, by its characteristic polynomial."""
    game = toys.dirac(gamma)
    game.move_to(torch.zeros(2).double())
    dense = matrix(game)
    assert dense.trace().item() == pytest.approx(gamma, abs=1e-15)
    assert torch.linalg.det(dense).item() == pytest.approx(0.25, abs=1e-15)
    if gamma != 1:
        root = torch.tensor(gamma**2 / 4 - 0.25, dtype=torch.complex128).sqrt()
        closed = torch.stack([gamma / 2 - root, gamma / 2 + root])
        torch.testing.assert_close(eigenvalues(game), closed, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_dirac_is_the_generation_game_of_its_players(gamma):
    """Oracle: D(x) = psi x and G(z) = theta as modules, the minimax loss, and R1 by double backward."""

    class Slope(toys.Point):
        def forward(self, images, label):
            return self.position * images[:, 0]

    class Atom(toys.Point):
        def forward(self, latent, label):
            return self.position.expand(len(latent), 1)

    start = torch.full((1,), 0.5).double()
    weights = {penalties.r1: gamma} if gamma else None
    full, toy = generation(Atom(start), Slope(start), losses.minimax, weights), toys.dirac(gamma)
    batch = Batch(torch.zeros(1, 1).double(), torch.zeros(1, 1).double())
    for point in (start.expand(2), draws(2), torch.zeros(2).double()):
        full.move_to(point)
        toy.move_to(point)
        torch.testing.assert_close(full.losses(batch), toy.losses(toys.EMPTY), rtol=1e-14, atol=1e-14)
        torch.testing.assert_close(full.field(batch), toy.field(toys.EMPTY), rtol=1e-14, atol=1e-14)
        one, other, u = full.jacobian(batch), toy.jacobian(toys.EMPTY), draws(2, seed=3)
        torch.testing.assert_close(one @ u, other @ u, rtol=1e-14, atol=1e-14)
        torch.testing.assert_close(one.T @ u, other.T @ u, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("gamma", [-0.1, float("nan")])
def test_dirac_refuses_negative_weights(gamma):
    with pytest.raises(InputError, match="give a number >= 0"):
        toys.dirac(gamma)


# --- rates of simulated play ---------------------------------------------------------------------------------------


def distances(game, update, step, steps):
    """|w| after 0, 1, ..., `steps` updates with plain gradient steps."""
    sgd = [torch.optim.SGD(player.parameters(), lr=step) for player in game.players]
    play, path = update(game, *sgd), [game.point().norm()]
    for _ in range(steps):
        play.step(toys.EMPTY)
        path.append(game.point().norm())
    return torch.stack(path)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_simultaneous_play_on_a_bilinear_game_grows_by_the_largest_singular_value(seed):
    """|1 + i u| = sqrt(1 + u^2) a step along each singular pair, u = step times its value."""
    a, step = draws(5, 5, seed=seed), 0.5
    left, values, right = torch.linalg.svd(a)
    game = toys.bilinear(a)
    game.move_to(torch.cat([left[:, 0], right[0]]))
    path = distances(game, Simultaneous, step, 20)
    growth = (1 + (step * values[0]) ** 2).sqrt()
    torch.testing.assert_close(path[1:] / path[:-1], growth.expand(20), rtol=1e-10, atol=0.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_alternating_play_on_a_bilinear_game_keeps_an_invariant(seed):
    """Rate 1: along each singular pair x^2 + y^2 + u x y is conserved (y moves first), so play stays bounded."""
    a = draws(5, 5, seed=seed)
    left, values, right = torch.linalg.svd(a)
    step = 1.5 / values[0].item()
    game = toys.bilinear(a)
    sgd = [torch.optim.SGD(player.parameters(), lr=step) for player in game.players]
    play = Alternating(game, *sgd)

    def invariant():
        x, y = game.point().split(5)
        x, y = left.T @ x, right @ y
        return x**2 + y**2 + step * values * x * y

    start = invariant()
    for _ in range(200):
        play.step(toys.EMPTY)
    torch.testing.assert_close(invariant(), start, rtol=1e-9, atol=1e-9)


def dirac_rate(update, gamma, step):
    """The spectral radius of one update near the equilibrium, from two played steps: exact to O(distance^2)."""
    columns, distance = [], 1e-6
    for unit in torch.eye(2).double():
        game = toys.dirac(gamma)
        game.move_to(distance * unit)
        distances(game, update, step, 1)
        columns.append(game.point() / distance)
    return torch.linalg.eigvals(torch.stack(columns, 1)).abs().max().item()


@pytest.mark.parametrize(("gamma", "step"), [(0.3, 0.1), (0.3, 1.1), (0.3, 1.3), (0.1, 0.35), (0.1, 0.45)])
def test_simultaneous_play_on_the_dirac_game(gamma, step):
    """|1 - h lambda| = sqrt(1 - h gamma + h^2/4) for gamma < 1: it diverges if and only if h > 4 gamma."""
    game = toys.dirac(gamma)
    game.move_to(torch.zeros(2).double())
    radius = (1 - step * eigenvalues(game)).abs().max().item()
    assert radius == pytest.approx((1 - step * gamma + step**2 / 4) ** 0.5, rel=1e-10)
    assert (radius > 1) == (step > 4 * gamma)
    assert dirac_rate(Simultaneous, gamma, step) == pytest.approx(radius, rel=1e-9)


@pytest.mark.parametrize(("gamma", "step"), [(0.3, 0.1), (0.3, 0.5), (0.1, 1.0)])
def test_alternating_play_on_the_dirac_game(gamma, step):
    """sqrt(1 - h gamma), while the eigenvalues are complex: it converges where simultaneous play diverges."""
    assert dirac_rate(Alternating, gamma, step) == pytest.approx((1 - step * gamma) ** 0.5, rel=1e-9)


def test_simultaneous_play_on_the_dirac_game_decays_at_the_closed_rate_in_the_long_run():
    game = toys.dirac(0.3)
    game.move_to(torch.full((2,), 0.01).double())
    path = distances(game, Simultaneous, 0.1, 1500)
    rate = (path[1500] / path[300]) ** (1 / 1200)
    assert rate.item() == pytest.approx((1 - 0.03 + 0.0025) ** 0.5, abs=2e-4)
