"""Jacobian products on every loss, penalty, method and player of the tables, all conditional on a class.

Oracle: plain torch.autograd on the live modules, twice in reverse, or (slow) the dense matrix that it gives row by row.
The Jacobian of a sum is the sum of the Jacobians: by default every two of loss, penalty and player meet, and every
penalty, method and player do; the slow test runs through all of them together.
"""

from functools import partial

import pytest
import torch

from cases import LOSSES, METHODS, PENALTIES, PLAYERS, name_of
from nablagan import losses, penalties
from nablagan.tasks import generation
from nablagan.types import Batch
from oracle import PLAIN_PENALTIES, Oracle, assert_near, draws

WEIGHT = 0.7
CHOICES = ({}, *({penalty: WEIGHT} for penalty in PENALTIES))
WITHOUT_SLOPES = (penalties.centring, penalties.spectral_norms)
SLOPES = tuple(penalty for penalty in PENALTIES if penalty not in WITHOUT_SLOPES)
PRECISION = {penalties.double_backward: 1e-10, penalties.aligned_jvp: 1e-10, penalties.aligned_fd: 1e-7}
SMALLEST = {
    "mlp": ((3,), {"widths": (3,)}),
    "dcgan": ((1, 4, 4), {"widths": (2,)}),
    "r3gan": ((1, 4, 4), {"widths": (2,), "group_size": 2}),
}
every_player = pytest.mark.parametrize("name", PLAYERS)


def players_and_batch(name):
    """The smallest players of a row of the table, off their special starting point, and three samples."""
    module, of_generator, of_discriminator = PLAYERS[name]
    shape, smallest = SMALLEST[module.__name__.split(".")[-1]]
    torch.manual_seed(0)
    players = (
        module.generator(shape, latent_size=2, classes=2, **{**of_generator, **smallest}).double(),
        module.discriminator(shape, classes=2, **{**of_discriminator, **smallest}).double(),
    )
    with torch.no_grad():
        for parameter in (p for player in players for p in player.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
    return players, Batch(draws(3, *shape, seed=2), draws(3, 2, seed=3), torch.tensor([0, 1, 0]))


def assert_products_of(players, batch, loss, weights, method=penalties.double_backward):
    chosen = {by(penalty, method): weight for penalty, weight in weights.items()}
    jacobian, oracle = generation(*players, loss, chosen).jacobian(batch), Oracle(*players, loss, weights, batch)
    u = draws(len(oracle.field), seed=7)
    assert_near(jacobian @ u, oracle.times(u), PRECISION[method])
    assert_near(jacobian.T @ u, oracle.transposed_times(u), PRECISION[method])


def by(penalty, method):
    return partial(penalty, method=method) if penalty in SLOPES else penalty


def test_the_oracle_knows_every_penalty_and_method():
    assert set(PLAIN_PENALTIES) == set(PENALTIES)
    assert set(PRECISION) == set(METHODS.values())


@every_player
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_every_two_of_loss_penalty_and_player(loss, name):
    """Each loss meets each player here with the next penalty, so that in all of these each two have met."""
    number = LOSSES.index(loss) + list(PLAYERS).index(name)
    assert_products_of(*players_and_batch(name), loss, CHOICES[number % len(CHOICES)])


@every_player
@pytest.mark.parametrize("method", [penalties.aligned_jvp, penalties.aligned_fd], ids=name_of)
@pytest.mark.parametrize("penalty", SLOPES, ids=name_of)
def test_every_method_of_every_penalty_on_every_player(penalty, method, name):
    assert_products_of(*players_and_batch(name), losses.relativistic, {penalty: WEIGHT}, method)


@pytest.mark.slow
@every_player
def test_every_loss_penalty_method_and_player_against_the_dense_matrix(name):
    players, batch = players_and_batch(name)
    plain = {loss: dense(players, batch, loss, {}) for loss in LOSSES}
    terms = {p: dense(players, batch, losses.minimax, {p: WEIGHT}) - plain[losses.minimax] for p in PENALTIES}
    cases = [(p, method) for p in SLOPES for method in METHODS.values()]
    cases += [(penalty, penalties.double_backward) for penalty in (None, *WITHOUT_SLOPES)]
    for loss, matrix in plain.items():
        for penalty, method in cases:
            weights = {by(penalty, method): WEIGHT} if penalty else {}
            jacobian, expected = generation(*players, loss, weights).jacobian(batch), matrix + terms.get(penalty, 0)
            u = draws(len(matrix), seed=7)
            assert_near(jacobian @ u, expected @ u, PRECISION[method])
            assert_near(jacobian.T @ u, expected.T @ u, PRECISION[method])


def dense(players, batch, loss, weights):
    return Oracle(*players, loss, weights, batch).matrix().detach()


@pytest.mark.parametrize("name", ["mlp", "mlp-leaky"])
def test_products_against_a_dense_matrix_and_central_differences(name):
    """To 1e-12 and to 1e-8, R1 and R2 included."""
    players, batch = players_and_batch(name)
    weights = {penalties.r1: 0.7, penalties.r2: 1.3}
    game = generation(*players, losses.non_saturating, weights)
    matrix = dense(players, batch, losses.non_saturating, weights)
    here, u, jacobian, step = game.point(), draws(len(matrix), seed=4), game.jacobian(batch), 1e-5
    assert_near(jacobian @ u, matrix @ u, 1e-12)
    assert_near(jacobian.T @ u, matrix.T @ u, 1e-12)
    fields = []
    for sign in (1, -1):
        game.move_to(here + sign * step * u)
        fields.append(game.field(batch))
    assert_near(jacobian @ u, (fields[0] - fields[1]) / (2 * step), 1e-8)
