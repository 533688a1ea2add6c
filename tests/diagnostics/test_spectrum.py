"""Spectra against closed forms of toy games and dense matrices of small GANs in float64."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from nablagan import diagnostics, losses, penalties
from nablagan.players import dcgan, mlp
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError
from oracle import Oracle, batch_for, draws, plain_game

WEIGHTS = {penalties.r1: 0.7, penalties.r2: 1.3}


def at_rest(game):
    game.move_to(0 * game.point())
    return game.jacobian(toys.EMPTY)


def falling(values):
    """In the order that a Spectrum has."""
    values = np.asarray(values, dtype=complex)
    return values[np.lexsort((-values.imag, -values.real, -abs(values)))]


def small_game(kind, loss, weights):
    """A conditional GAN off its special starting point: (game, batch, dense Jacobian by plain autograd)."""
    torch.manual_seed(3)
    module, shape, widths = (dcgan, (1, 4, 4), (2,)) if kind == "dcgan" else (mlp, (3,), (3,))
    players = (
        module.generator(shape, latent_size=2, classes=2, widths=widths).double(),
        module.discriminator(shape, classes=2, widths=widths).double(),
    )
    with torch.no_grad():
        for parameter in (p for player in players for p in player.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
    batch = Batch(draws(3, *shape, seed=2), draws(3, 2, seed=3), torch.tensor([0, 1, 0]))
    return generation(*players, loss, weights), batch, Oracle(*players, loss, weights, batch).matrix().detach()


@pytest.fixture(scope="module")
def small():
    return small_game("mlp", losses.relativistic, WEIGHTS)


@pytest.mark.parametrize("gamma", [0.0, 0.123, 0.3, 0.77, 0.9, 1.5, 3.21])
def test_the_dirac_gan(gamma):
    """gamma/2 +- sqrt(gamma^2/4 - 1/4)."""
    root = np.emath.sqrt(gamma**2 / 4 - 0.25)
    found = diagnostics.eigenvalues(at_rest(toys.dirac(gamma)))
    assert abs(found.values - falling([gamma / 2 + root, gamma / 2 - root])).max() < 1e-10
    assert (found.requested, found.products, found.method, found.complete) == (2, 2 + 2, "dense", True)


def test_the_dirac_gan_at_its_double_root():
    """gamma = 1: the matrix has one eigenvector, so the roots 1/2 are known to the square root of the precision."""
    assert abs(diagnostics.eigenvalues(at_rest(toys.dirac(1.0))).values - 0.5).max() < 1e-7


@pytest.mark.parametrize(("rows", "columns", "seed"), [(20, 20, 1), (30, 12, 2), (3, 40, 3)])
def test_bilinear_games_of_any_shape(rows, columns, seed):
    """+-i times the singular values, and zeros."""
    matrix = draws(rows, columns, seed=seed)
    found = diagnostics.eigenvalues(toys.bilinear(matrix).jacobian(toys.EMPTY), count=4)
    singular = torch.linalg.svdvals(matrix)[:2].numpy()
    assert abs(found.values - falling([*(1j * singular), *(-1j * singular)])).max() < 1e-10
    assert found.method == "arnoldi"
    assert found.complete
    assert (found.residuals < 1e-11).all()


def test_a_pair_that_the_count_cuts_shows_its_upper_half():
    singular = torch.tensor([5.0, 4.0, 3.0, *[1.0] * 27], dtype=torch.float64)
    game = toys.bilinear(draws(30, 30).svd().U @ torch.diag(singular))
    for count, expected in ((1, [5j]), (3, [5j, -5j, 4j]), (5, [5j, -5j, 4j, -4j, 3j])):
        assert abs(diagnostics.eigenvalues(game.jacobian(toys.EMPTY), count).values - expected).max() < 1e-10


@pytest.mark.parametrize("count", [1, 6])
def test_a_small_gan_against_its_dense_spectrum(small, count):
    assert_spectrum(*small, count)


def test_a_small_convolutional_gan_against_its_dense_spectrum():
    assert_spectrum(*small_game("dcgan", losses.non_saturating, {}), count=3)


def assert_spectrum(game, batch, matrix, count):
    dense = falling(torch.linalg.eigvals(matrix).numpy())[:count]
    found = diagnostics.eigenvalues(game.jacobian(batch), count)
    assert found.method == "arnoldi"
    assert abs(found.values - dense).max() <= 1e-10 * abs(dense[0])
    assert (found.residuals <= 1e-10 * abs(dense[0])).all()


def test_steps_with_a_rate_for_each_parameter(small):
    """I - P J, P as Adam's: lr / (sqrt(v2) + eps)."""
    game, batch, matrix = small
    rates = 0.01 / (draws(len(matrix), seed=5).abs() + 0.1)
    dense = falling(torch.linalg.eigvals(torch.eye(len(matrix)).double() - rates[:, None] * matrix).numpy())
    found = diagnostics.step_eigenvalues(game.jacobian(batch), rates)
    assert abs(found.values - dense[:6]).max() <= 1e-10 * abs(dense[0])
    operator = diagnostics.step_operator(game.jacobian(batch), rates)
    u, w = draws(2, len(matrix), seed=6).numpy()
    assert w @ operator.matvec(u) == pytest.approx(operator.rmatvec(w) @ u, rel=1e-12)
    with pytest.raises(InputError, match=r"rates are \(3,\): give a number, or one for each of"):
        diagnostics.step_eigenvalues(game.jacobian(batch), rates[:3])


@pytest.mark.parametrize("gamma", [0.07, 0.3, 0.8])
def test_the_largest_stable_step_of_the_dirac_gan_is_four_gamma(gamma):
    jacobian = at_rest(toys.dirac(gamma))
    step = diagnostics.largest_stable_step(diagnostics.eigenvalues(jacobian).values)
    assert step == pytest.approx(4 * gamma, rel=1e-12)
    for rate in (0.99 * step, 1.01 * step):
        modulus = abs(diagnostics.step_eigenvalues(jacobian, rate).values[0])
        assert modulus == pytest.approx(math.sqrt(1 - rate * gamma + rate**2 / 4), abs=1e-12)
        assert (modulus < 1) == (rate < step)


def test_largest_stable_steps():
    assert diagnostics.largest_stable_step([2.0, 0.5, 0.0]) == 1.0
    assert diagnostics.largest_stable_step([1.0, -1e-3]) == 0.0
    assert diagnostics.largest_stable_step(1j * np.ones(3)) == 0.0
    assert diagnostics.largest_stable_step([0.0]) == math.inf
    for wrong in ([], [1.0, math.nan]):
        with pytest.raises(InputError, match="give at least one, all finite"):
            diagnostics.largest_stable_step(wrong)


def test_partial_convergence_is_reported_as_such():
    matrix = draws(40, 30)
    jacobian = toys.bilinear(matrix).jacobian(toys.EMPTY)
    singular = torch.linalg.svdvals(matrix).numpy()
    sizes = []
    for iterations in (1, 100):
        found = diagnostics.eigenvalues(jacobian, iterations=iterations)
        assert found.requested == 6
        assert found.complete == (len(found.values) == len(found.residuals) == 6)
        for value in found.values:
            assert abs(abs(value.imag) - singular).min() < 1e-9
        sizes.append(len(found.values))
    assert sizes[0] < 6
    assert sizes[-1] == 6


def test_a_field_that_does_not_change_has_eigenvalues_zero():
    ones = torch.ones(15, dtype=torch.float64)
    game = toys.zero_sum(lambda x, y: x.sum() - y.sum(), ones, ones)
    found = diagnostics.eigenvalues(game.jacobian(toys.EMPTY))
    assert found.values.tolist() == [0] * 6
    assert found.residuals.tolist() == [0] * 6


@pytest.mark.parametrize(("dtype", "tolerance", "error"), [(torch.float32, None, 1e-5), (torch.bfloat16, 0.03, 0.05)])
def test_single_precision_and_bfloat16(dtype, tolerance, error):
    """As accurate as products in that precision are; ARPACK itself then works in float32."""
    matrix = draws(20, 20)
    found = diagnostics.eigenvalues(toys.bilinear(matrix.to(dtype)).jacobian(toys.EMPTY), 4, tolerance)
    singular = torch.linalg.svdvals(matrix)[:2].numpy()
    assert found.complete
    assert abs(found.values - falling([*(1j * singular), *(-1j * singular)])).max() < error * singular[0]


def test_what_cannot_be_computed_is_refused():
    jacobian = toys.bilinear(draws(20, 20)).jacobian(toys.EMPTY)
    for options in ({"count": 0}, {"basis": 7}, {"iterations": 0}):
        with pytest.raises(InputError, match="give a count >= 1, a basis >= count"):
            diagnostics.eigenvalues(jacobian, **options)
    game = toys.dirac()
    game.move_to(torch.tensor([math.inf, 1.0]).double())
    with pytest.raises(InputError, match="not finite at this point"):
        diagnostics.eigenvalues(game.jacobian(toys.EMPTY))


def test_nothing_is_moved_by_asking():
    """Power iterations, running statistics and random states included; the answer is the same each time."""
    norm = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))
    game = plain_game(norm, nn.Dropout(0.5), loss=losses.hinge, generator_inside=(nn.BatchNorm1d(6),))
    batch = batch_for("mlp")
    before = [t.clone() for player in game.players for t in player.state_dict().values()], torch.get_rng_state()
    end = game.point() + 0.1 * game.field(batch)

    def asked():
        jacobian = game.jacobian(batch)
        return (
            diagnostics.linear_operator(jacobian).matvec(jacobian.field.numpy()).tolist(),
            diagnostics.rotation(jacobian, probes=2)[:2],
            diagnostics.update_audit(game, game.point(), end, batch),
            diagnostics.along_path(game, game.point(), end, batch, (0.0, 1.0)).angles.tolist(),
            diagnostics.duality_gap(game, batch, steps=2, radius=0.1),
        )

    assert asked() == asked()
    after = [t for player in game.players for t in player.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before[0], after, strict=True))
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(p.grad is None for player in game.players for p in player.parameters())
