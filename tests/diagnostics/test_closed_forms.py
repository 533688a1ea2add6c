"""Every diagnostic that has a closed form on toy games, against losses, gradients and Hessians written out by hand."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from nablagan import diagnostics
from nablagan.tasks import toys
from oracle import draws

EXACT = {"rtol": 0, "atol": 1e-12}


class Dirac(NamedTuple):
    """L_G = -s(t), L_D = s(t) + log 2 + gamma psi^2/2 with t = theta psi, s softplus and s' the sigmoid."""

    gamma: float

    @property
    def game(self):
        return toys.dirac(self.gamma)

    def losses(self, w):
        value = np.logaddexp(0, w[0] * w[1])
        return np.array([-value, value + math.log(2) + self.gamma * w[1] ** 2 / 2])

    def gradients(self, w):
        """Of both losses, (2, 2)."""
        slope = 1 / (1 + np.exp(-w[0] * w[1]))
        by_value = slope * np.array([w[1], w[0]])
        return np.stack([-by_value, by_value + np.array([0, self.gamma * w[1]])])

    def hessians(self, w):
        slope = 1 / (1 + np.exp(-w[0] * w[1]))
        bend = slope * (1 - slope)
        off = slope + w[0] * w[1] * bend
        of_value = np.array([[w[1] ** 2 * bend, off], [off, w[0] ** 2 * bend]])
        return np.stack([-of_value, of_value + np.diag([0, self.gamma])])


class Bilinear(NamedTuple):
    """L_G = x^T A y = -L_D."""

    matrix: np.ndarray

    @property
    def game(self):
        return toys.bilinear(torch.from_numpy(self.matrix))

    def hessians(self, w):
        rows, columns = self.matrix.shape
        zero = np.zeros
        bent = np.block([[zero((rows, rows)), self.matrix], [self.matrix.T, zero((columns, columns))]])
        return np.stack([bent, -bent])

    def gradients(self, w):
        return self.hessians(w) @ w

    def losses(self, w):
        return self.gradients(w) @ w / 2


class Quadratic(NamedTuple):
    """L_G = a x^2/2 + c x y - b y^2/2 = -L_D."""

    a: float
    b: float
    c: float

    @property
    def game(self):
        return toys.quadratic(*self)

    def hessians(self, w):
        bent = np.array([[self.a, self.c], [self.c, -self.b]])
        return np.stack([bent, -bent])

    def gradients(self, w):
        return self.hessians(w) @ w

    def losses(self, w):
        return self.gradients(w) @ w / 2


def halves(toy):
    """Which entries are the generator's, and which the discriminator's."""
    theta, psi = toy.game.sizes
    return slice(0, theta), slice(theta, theta + psi)


def field(toy, w):
    return np.concatenate([toy.gradients(w)[k][half] for k, half in enumerate(halves(toy))])


def matrix(toy, w):
    return np.concatenate([toy.hessians(w)[k][half] for k, half in enumerate(halves(toy))])


def at(toy, seed):
    """The game at a random point w, with w and two random directions in numpy."""
    game = toy.game
    w, u, q = draws(3, sum(game.sizes), seed=seed)
    game.move_to(w)
    return game, w.numpy(), u.numpy(), q.numpy()


def tensors(*arrays):
    return tuple(torch.from_numpy(np.asarray(array)) for array in arrays)


TOYS = {
    "dirac": Dirac(0.0),
    "dirac, R1": Dirac(0.83),
    "bilinear": Bilinear(draws(3, 2).numpy()),
    "quadratic, attraction": Quadratic(1.7, 0.6, 0.2),
    "quadratic, rotation": Quadratic(0.3, 0.4, 2.1),
    "quadratic, unstable": Quadratic(-0.5, 0.2, 1.1),
}
every_toy = pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
every_seed = pytest.mark.parametrize("seed", [1, 2])


@every_toy
def test_the_forms_written_out_are_those_of_the_games(toy):
    game, w, u, _ = at(toy, 3)
    torch.testing.assert_close(torch.stack(tuple(game.losses(toys.EMPTY))), *tensors(toy.losses(w)), **EXACT)
    torch.testing.assert_close(game.field(toys.EMPTY), *tensors(field(toy, w)), **EXACT)
    torch.testing.assert_close(game.jacobian(toys.EMPTY) @ tensors(u)[0], *tensors(matrix(toy, w) @ u), **EXACT)


@every_seed
@every_toy
def test_spectra(toy, seed):
    game, w, *_ = at(toy, seed)
    expected = np.linalg.eigvals(matrix(toy, w))
    found = diagnostics.eigenvalues(game.jacobian(toys.EMPTY))
    assert found.complete
    assert farthest(found.values, expected) < 1e-10
    for rate in (0.05, 1.3):
        steps = diagnostics.step_eigenvalues(game.jacobian(toys.EMPTY), rate)
        assert farthest(steps.values, 1 - rate * expected) < 1e-10
    rates = np.abs(draws(len(w), seed=7).numpy())
    steps = diagnostics.step_eigenvalues(game.jacobian(toys.EMPTY), *tensors(rates))
    assert farthest(steps.values, np.linalg.eigvals(np.eye(len(w)) - rates[:, None] * matrix(toy, w))) < 1e-10


def farthest(found, expected):
    """The largest distance of a value from the nearest of the others, both ways."""
    distances = abs(np.asarray(found)[:, None] - np.asarray(expected)[None])
    assert distances.shape[0] == distances.shape[1]
    return max(distances.min(0).max(), distances.min(1).max())


@pytest.mark.parametrize(("a", "b", "c"), [(3.0, 2.0, 0.1), (0.2, 0.4, 1.7), (-1.0, 2.0, 0.3)])
def test_eigenvalues_of_quadratic_games(a, b, c):
    """(a + b)/2 +- sqrt((a - b)^2/4 - c^2), and the largest stable step 2 Re z / |z|^2 from them."""
    root = np.emath.sqrt((a - b) ** 2 / 4 - c * c)
    expected = [(a + b) / 2 + root, (a + b) / 2 - root]
    found = diagnostics.eigenvalues(toys.quadratic(a, b, c).jacobian(toys.EMPTY))
    assert farthest(found.values, expected) < 1e-12
    step = max(0.0, min(2 * z.real / abs(z) ** 2 for z in np.asarray(expected, complex)))
    assert diagnostics.largest_stable_step(found.values) == pytest.approx(step, rel=1e-10)


@pytest.mark.parametrize(("a", "b"), [(3.0, 1.0), (0.4, -0.2)])
def test_the_double_root_of_quadratic_games(a, b):
    """|a - b| = 2 |c|: one eigenvector, so (a + b)/2 is known to the square root of the precision."""
    found = diagnostics.eigenvalues(toys.quadratic(a, b, (a - b) / 2).jacobian(toys.EMPTY))
    assert abs(found.values - (a + b) / 2).max() < 1e-7


@pytest.mark.parametrize("gamma", [0.3, 0.9, 1.0, 1.5])
def test_simultaneous_steps_of_the_dirac_gan_at_rest(gamma):
    """1 - h (gamma/2 +- sqrt(gamma^2/4 - 1/4)), double at gamma = 1."""
    game, rate = toys.dirac(gamma), 0.2
    game.move_to(0 * game.point())
    root = np.emath.sqrt(gamma**2 / 4 - 0.25)
    found = diagnostics.step_eigenvalues(game.jacobian(toys.EMPTY), rate).values
    error = 1e-10 if gamma != 1 else 1e-7
    assert farthest(found, [1 - rate * (gamma / 2 + sign * root) for sign in (1, -1)]) < error


def test_no_step_is_stable_in_bilinear_games():
    """|1 - h i c| = sqrt(1 + h^2 c^2) > 1 for every h."""
    toy = TOYS["bilinear"]
    jacobian = toy.game.jacobian(toys.EMPTY)
    assert diagnostics.largest_stable_step(1j * np.linalg.svd(toy.matrix).S) == 0
    largest = np.linalg.svd(toy.matrix).S[0]
    for rate in (0.01, 0.5):
        modulus = abs(diagnostics.step_eigenvalues(jacobian, rate).values[0])
        assert modulus == pytest.approx(math.hypot(1, rate * largest), abs=1e-12)


@every_seed
@every_toy
def test_the_symmetric_split(toy, seed):
    game, w, u, _ = at(toy, seed)
    dense, jacobian = matrix(toy, w), game.jacobian(toys.EMPTY)
    parts = (dense + dense.T) / 2, (dense - dense.T) / 2
    squares = [np.square(part).sum() for part in parts]
    found = diagnostics.rotation(jacobian, probes=len(w))
    assert found[:2] == pytest.approx(squares, abs=1e-12)
    assert found.share == pytest.approx(squares[1] / sum(squares), abs=1e-12)
    products = (
        function(jacobian, *tensors(u))
        for function in (diagnostics.symmetric_product, diagnostics.antisymmetric_product)
    )
    for product, part in zip(products, parts, strict=True):
        torch.testing.assert_close(product, *tensors(part @ u), **EXACT)


@every_seed
@every_toy
def test_the_update_audit(toy, seed):
    game, w, move, _ = at(toy, seed)
    parts = [np.zeros_like(w), np.zeros_like(w)]
    for part, half in zip(parts, halves(toy), strict=True):
        part[half] = move[half]
    audits = diagnostics.update_audit(game, *tensors(w, w + move), toys.EMPTY)
    for player, audit in enumerate(audits):
        own, other = parts[player], parts[1 - player]
        gradient, hessian = toy.gradients(w)[player], toy.hessians(w)[player]
        changes = [toy.losses(w + d)[player] - toy.losses(w)[player] for d in (move, own, other)]
        expected = [gradient @ own, gradient @ other, own @ hessian @ own / 2, other @ hessian @ other / 2]
        assert audit == pytest.approx([*expected, own @ hessian @ other, *changes], abs=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.83])
def test_halving_a_move_of_the_dirac_gan_divides_the_audits_residual_by_eight(gamma):
    game = toys.dirac(gamma)
    start, move = game.point(), torch.tensor([0.7, -0.4]).double()
    left = []
    for size in (0.2, 0.1, 0.05, 0.025, 0.0125):
        audits = diagnostics.update_audit(game, start, start + size * move, toys.EMPTY)
        left.append([abs(audit.interaction - audit.cross) for audit in audits])
    ratios = np.array(left[:-1]) / np.array(left[1:])
    assert abs(ratios[-1] - 8).max() < 0.1
    assert (abs(ratios[-1] - 8) < abs(ratios[0] - 8)).all()


@every_seed
@every_toy
def test_paths(toy, seed):
    game, start, end, _ = at(toy, seed)
    found = diagnostics.along_path(game, *tensors(start, end), toys.EMPTY, (-0.1, 0.0, 0.4, 1.1))
    for position, angle, norm in zip(*(values.tolist() for values in found), strict=True):
        v, way = field(toy, start + position * (end - start)), end - start
        assert norm == pytest.approx(np.linalg.norm(v), abs=1e-12)
        assert angle == pytest.approx(v @ way / np.linalg.norm(v) / np.linalg.norm(way), abs=1e-12)


@every_seed
@every_toy
def test_norms_and_cosines(toy, seed):
    game, w, u, _ = at(toy, seed)
    v, later = field(toy, w), field(toy, w + 0.3 * u)
    norms = diagnostics.field_norms(game, toys.EMPTY)
    assert norms == pytest.approx([np.linalg.norm(v[half]) for half in halves(toy)], abs=1e-12)
    assert norms.ratio == pytest.approx(norms.generator / norms.discriminator)
    updates = diagnostics.update_cosine(game, *tensors(w, w + 0.3 * u), toys.EMPTY)
    successive = diagnostics.successive_cosine(game, *tensors(w, w + 0.3 * u), toys.EMPTY)
    for player, half in enumerate(halves(toy)):
        assert updates[player] == pytest.approx(angle_cosine(u[half], -v[half]), abs=1e-12)
        assert successive[player] == pytest.approx(angle_cosine(v[half], later[half]), abs=1e-12)


def angle_cosine(u, w):
    return u @ w / math.sqrt((u @ u) * (w @ w))


@every_seed
@pytest.mark.parametrize("gamma", [0.0, 0.83])
def test_parts_of_the_dirac_gans_gradient(gamma, seed):
    """theta sigma(t) through the generated point, gamma psi from R1, nothing through the real one, which lies at 0."""
    game, (theta, psi), *_ = at(Dirac(gamma), seed)
    parts = diagnostics.gradient_parts(game, toys.EMPTY)
    expected = [0, theta / (1 + math.exp(-theta * psi)), gamma * psi]
    assert [part.item() for part in parts] == pytest.approx(expected, abs=1e-15)
    if gamma:
        assert parts.fake_rest == np.sign(theta * psi)
    assert math.isnan(parts.real_fake)


@every_seed
@every_toy
def test_slices_and_planes(toy, seed):
    game, w, u, q = at(toy, seed)
    amounts = (-1.0, -0.2, 0.0, 0.7)
    found = diagnostics.loss_slice(game, *tensors(w, u), toys.EMPTY, amounts)
    plane = diagnostics.loss_plane(game, *tensors(w, u, q), toys.EMPTY, amounts)
    for player, one in enumerate(found[1:]):
        line = [toy.losses(w + t * u)[player] for t in amounts]
        assert one.losses.tolist() == pytest.approx(line, abs=1e-12)
        figures = toy.losses(w)[player], toy.gradients(w)[player] @ u, u @ toy.hessians(w)[player] @ u
        assert one[1:] == pytest.approx(figures, abs=1e-12)
        if not isinstance(toy, Dirac):
            torch.testing.assert_close(one.parabola(found.amounts), one.losses, **EXACT)
        over = [[toy.losses(w + s * u + t * q)[player] for t in amounts] for s in amounts]
        torch.testing.assert_close(plane[1 + player], *tensors(over), **EXACT)
    assert torch.equal(game.point(), *tensors(w))


@every_seed
def test_the_gap_of_the_dirac_gan(seed):
    """D: at the root of its gradient, by Brent's method. G, within a radius: -s is lowest at the edge, towards psi."""
    gamma, radius = 0.83, 0.4
    toy = Dirac(gamma)
    game, (theta, psi), *_ = at(toy, seed)

    def slope(y):
        return toy.gradients(np.array([theta, y]))[1][1]

    best = brentq(slope, -10, 10, xtol=1e-15)
    answers = np.array([theta, best]), np.array([theta + radius * np.sign(psi), psi])
    gains = [toy.losses(np.array([theta, psi]))[k] - toy.losses(answers[1 - k])[k] for k in (0, 1)]
    found = diagnostics.duality_gap(game, toys.EMPTY)
    assert found.discriminator == pytest.approx(gains[1], abs=1e-12)
    assert diagnostics.duality_gap(game, toys.EMPTY, radius=radius).generator == pytest.approx(gains[0], abs=1e-12)
