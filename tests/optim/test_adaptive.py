"""Game updates over Adam against the published algorithms written out, and the wrong options they refuse."""

import pytest
import torch

from nablagan import optim
from nablagan.optim.solving import least_squares
from nablagan.tasks import toys
from nablagan.types import InputError

RATE, BETA1, BETA2, EPS = 0.05, 0.5, 0.9, 1e-8


class Moments:
    """Adam's direction by its formula (Kingma & Ba 2015, algorithm 1)."""

    def __init__(self):
        self.mean = self.square = torch.zeros(2, dtype=torch.float64)
        self.time = 0

    def direction(self, gradient):
        self.time += 1
        self.mean = BETA1 * self.mean + (1 - BETA1) * gradient
        self.square = BETA2 * self.square + (1 - BETA2) * gradient**2
        return self.mean / (1 - BETA1**self.time) / ((self.square / (1 - BETA2**self.time)).sqrt() + EPS)


def played(update, count=12, **options):
    """The points that an update over Adam goes through on the Dirac-GAN."""
    game, points = toys.dirac(0.3), []
    adam = [torch.optim.Adam(player.parameters(), RATE, (BETA1, BETA2), EPS) for player in game.players]
    play = update(game, *adam, **options)
    for _ in range(count):
        play.step(toys.EMPTY)
        points.append(game.point())
    return torch.stack(points)


def field_at(game, point):
    game.move_to(point)
    return game.field(toys.EMPTY)


def test_extragradient_over_adam_takes_moments_in_at_both_half_steps():
    """ExtraAdam (Gidel et al. 2019, algorithm 4 with one batch)."""
    game, moments, points = toys.dirac(0.3), Moments(), []
    now = game.point()
    for _ in range(12):
        ahead = now - RATE * moments.direction(field_at(game, now))
        now = now - RATE * moments.direction(field_at(game, ahead))
        points.append(now)
    assert moments.time == 24
    torch.testing.assert_close(played(optim.Extragradient), torch.stack(points), rtol=1e-10, atol=1e-12)


def test_optimistic_play_over_adam():
    """OAdam: w - 2 lr d_t + lr d_(t-1), the first step plain (Daskalakis et al. 2018)."""
    game, moments, points = toys.dirac(0.3), Moments(), []
    now, last = game.point(), None
    for _ in range(12):
        direction = moments.direction(field_at(game, now))
        now = now - 2 * RATE * direction + RATE * (direction if last is None else last)
        last = direction
        points.append(now)
    torch.testing.assert_close(played(optim.Optimistic), torch.stack(points), rtol=1e-10, atol=1e-12)


def test_consensus_over_adam_takes_the_direction_for_a_gradient():
    game, moments, points = toys.dirac(0.3), Moments(), []
    now = game.point()
    for _ in range(5):
        game.move_to(now)
        now = now - RATE * moments.direction(optim.consensus(0.3)(game, toys.EMPTY))
        points.append(now)
    torch.testing.assert_close(played(optim.Consensus, 5, weight=0.3), torch.stack(points), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("options", [{"steps": 0}, {"weight": 0.0}, {"weight": 1.5}])
def test_lookahead_that_goes_nowhere_is_refused(options):
    with pytest.raises(InputError, match="give steps >= 1 and a weight in"):
        played(optim.Lookahead, **options)


def test_a_negative_number_of_unrolled_steps_is_refused():
    with pytest.raises(InputError, match="unrolled steps are -1"):
        optim.unrolled(-1, 0.1)


def test_least_squares_stops_at_its_tolerance():
    torch.manual_seed(0)
    matrix, right = torch.randn(12, 12).double(), torch.randn(12).double()
    calls = []

    def times(u):
        calls.append(1)
        return matrix @ u

    start = (matrix.T @ right).norm()
    for tolerance in (1e-1, 1e-3, 1e-9):
        found = least_squares(times, matrix.T.mv, right, tolerance, 200)
        assert (matrix.T @ (right - matrix @ found)).norm() <= 1.001 * tolerance * start
    exact = torch.linalg.solve(matrix, right)
    torch.testing.assert_close(least_squares(times, matrix.T.mv, right, 1e-13, 200), exact, rtol=1e-8, atol=1e-8)
    calls.clear()
    least_squares(times, matrix.T.mv, right, 0.0, 3)
    assert len(calls) == 3
    assert torch.equal(least_squares(times, matrix.T.mv, 0 * right, 1e-6, 5), 0 * right)
