"""Path angle and path norm against the closed forms of attraction and rotation, and a game that is really moved."""

import math

import pytest
import torch

from nablagan import diagnostics, losses, penalties
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import batch_for, draws, tiny

POSITIONS = (-0.1, 0.0, 0.3, 0.9, 0.999, 1.001, 1.1)


def linear_game(matrix, centre):
    """v = M (w - centre) for M = [[p I, A], [-A^T, p I]]: attraction p and rotation A, (rows, columns)."""
    attraction, coupling = matrix
    rows = len(coupling)

    def value(x, y):
        x, y = x - centre[:rows], y - centre[rows:]
        return attraction * (x @ x - y @ y) / 2 + x @ coupling @ y

    return toys.zero_sum(value, centre[:rows], centre[rows:])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_attraction(seed):
    """v = w - w*: the cosine is <d, w - w*> / |d| |w - w*|; towards w* itself it jumps from -1 to +1 at the end."""
    centre, start, end = draws(3, 5, seed=seed)
    game = linear_game((1.0, torch.zeros(2, 3).double()), centre)
    found = diagnostics.along_path(game, start, end, toys.EMPTY, POSITIONS)
    for at, angle, norm in zip(POSITIONS, found.angles, found.norms, strict=True):
        here = start + at * (end - start) - centre
        assert angle.item() == pytest.approx(torch.cosine_similarity(here, end - start, 0).item(), abs=1e-12)
        assert norm.item() == pytest.approx(here.norm().item(), abs=1e-12)
    to_centre = diagnostics.along_path(game, start, centre, toys.EMPTY, POSITIONS)
    torch.testing.assert_close(to_centre.angles, torch.tensor([-1, -1, -1, -1, -1, 1, 1]).double(), rtol=0, atol=1e-12)
    assert (
        math.isnan(diagnostics.path_angle(game, start, centre + 0, 1.0, toys.EMPTY)) or seed
    )  # rounding may leave v > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rotation(seed):
    """v = M (w - w*), M^T = -M: <d, v> is the same everywhere; towards w* it is 0, without a jump."""
    centre, start, end = draws(3, 5, seed=seed)
    coupling = draws(2, 3, seed=seed + 10)
    game = linear_game((0.0, coupling), centre)
    found, direction = diagnostics.along_path(game, start, end, toys.EMPTY, POSITIONS), end - start
    matrix = torch.zeros(5, 5).double()
    matrix[:2, 2:], matrix[2:, :2] = coupling, -coupling.T
    expected = direction @ matrix @ (start - centre)
    products = found.angles * found.norms * direction.norm()
    torch.testing.assert_close(products, expected.expand(7), rtol=0, atol=1e-12)
    to_centre = diagnostics.along_path(game, start, centre, toys.EMPTY, POSITIONS)
    assert (to_centre.angles * to_centre.norms).abs().max() < 1e-12


def test_both_at_once():
    """p I + M along a way through w*: cosine -+ p / sqrt(p^2 + c^2) for A = c I, a jump of that height."""
    p, c = 0.7, 1.9
    game = linear_game((p, c * torch.eye(2).double()), torch.zeros(4).double())
    found = diagnostics.along_path(game, draws(4), torch.zeros(4).double(), toys.EMPTY)
    height = p / math.hypot(p, c)
    before = found.positions < 0.99
    torch.testing.assert_close(found.angles[before], torch.full_like(found.angles[before], -height), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.angles[-2:], torch.full((2,), height, dtype=torch.float64), rtol=0, atol=1e-12)
    assert found.positions.tolist() == pytest.approx([-0.1 + 0.05 * k for k in range(25)])


def test_at_rest_there_is_no_angle():
    game, (start, end) = toys.quadratic(1.0, 1.0, 1.0), torch.tensor([[1.0, 1.0], [0.0, 0.0]]).double()
    assert math.isnan(diagnostics.path_angle(game, start, end, 1.0, toys.EMPTY))
    assert diagnostics.path_norm(game, start, end, 1.0, toys.EMPTY) == 0


@pytest.mark.parametrize("kind", ["mlp", "r3gan"])
def test_a_small_gan_that_is_really_moved(kind):
    game, batch = generation(*tiny(kind), losses.relativistic, {penalties.r1: 0.7}), batch_for(kind)
    start, end = game.point(), game.point() - 0.3 * draws(sum(game.sizes))
    found = diagnostics.along_path(game, start, end, batch, (0.0, 0.4, 1.1))
    assert torch.equal(game.point(), start)
    for at, angle, norm in zip(*(values.tolist() for values in found), strict=True):
        game.move_to(start + at * (end - start))
        field = game.field(batch)
        assert angle == pytest.approx(torch.cosine_similarity(field, end - start, 0).item(), abs=1e-12)
        assert norm == pytest.approx(field.norm().item(), rel=1e-12)
    assert diagnostics.path_angle(game, start, end, 0.4, batch) == found.angles[1]
    assert diagnostics.path_norm(game, start, end, 0.4, batch) == found.norms[1]


def test_points_that_make_no_path_are_refused():
    game = toys.dirac()
    with pytest.raises(InputError, match="start and end are the same point"):
        diagnostics.along_path(game, game.point(), game.point(), toys.EMPTY)
    with pytest.raises(InputError, match=r"end is torch\.float32 \(2,\): give a flat vector"):
        diagnostics.path_angle(game, game.point(), torch.zeros(2), 0.5, toys.EMPTY)
