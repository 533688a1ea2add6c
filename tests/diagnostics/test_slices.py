"""Losses along lines and planes against plain differentiation, and directions scaled filter by filter."""

import math

import pytest
import torch
from torch import nn

from nablagan import diagnostics, losses, penalties
from nablagan.optim import Alternating
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Oracle, batch_for, draws, plain_game, tiny

WEIGHTS = {penalties.r1: 0.7}
AMOUNTS = (-1.0, 0.0, 0.5, 1.0)


def gan(kind="dcgan"):
    return generation(*tiny(kind), losses.non_saturating, WEIGHTS), batch_for(kind)


@pytest.mark.parametrize("kind", ["mlp", "dcgan", "r3gan"])
def test_along_an_update_of_either_player(kind):
    """Oracle: the moved game, and gradients and reverse-over-reverse products of torch.autograd."""
    game, batch = gan(kind)
    start = game.point()
    oracle = Oracle(*game.players, losses.non_saturating, WEIGHTS, batch)
    optimizers = [torch.optim.Adam(player.parameters(), lr=0.01) for player in game.players]
    bends, move = [], None
    for player in (0, 1):
        move = diagnostics.embedded(game, 0.1 * draws(len(start), seed=4), player)
        found = diagnostics.loss_slice(game, start, move, batch, AMOUNTS)
        for one, gradient in zip(found[1:], oracle.gradients, strict=True):
            assert one.slope == pytest.approx((gradient @ move).item(), rel=1e-10, abs=1e-14)
            bends.append(one.curvature)
            expected = (oracle.gradient(gradient @ move) @ move).item()
            assert one.curvature == pytest.approx(expected, rel=1e-10, abs=1e-14)
    Alternating(game, *optimizers).step(batch)
    end = game.point()
    found = diagnostics.loss_slice(game, start, end - start, batch, AMOUNTS)
    assert torch.equal(game.point(), end)
    assert len(set(bends)) == 4
    for amount, *both in zip(AMOUNTS, found.generator.losses, found.discriminator.losses, strict=True):
        game.move_to(start + amount * (end - start))
        torch.testing.assert_close(torch.stack(both), torch.stack(tuple(game.losses(batch))), rtol=0, atol=1e-12)
    assert found.generator.value == found.generator.losses[1]
    assert found.amounts.tolist() == list(AMOUNTS)


def test_the_parabola_is_left_in_third_order():
    game = plain_game(loss=losses.minimax)
    batch, direction = batch_for("mlp"), draws(sum(game.sizes))
    amounts = (0.02, 0.01, 0.005)
    for one in diagnostics.loss_slice(game, game.point(), direction, batch, amounts)[1:]:
        left = (one.losses - one.parabola(torch.tensor(amounts).double())).abs()
        assert (left[:-1] / left[1:]).tolist() == pytest.approx([8, 8], rel=0.1)


def test_the_plane_of_both_players_steps():
    game, batch = gan()
    start = game.point()
    move = 0.1 * draws(len(start))
    parts = [diagnostics.embedded(game, move, player) for player in (0, 1)]
    plane = diagnostics.loss_plane(game, start, *parts, batch, AMOUNTS)
    assert plane.generator.shape == plane.discriminator.shape == (4, 4)
    lines = [diagnostics.loss_slice(game, start, part, batch, AMOUNTS) for part in parts]
    diagonal = diagnostics.loss_slice(game, start, move, batch, AMOUNTS)
    for player in (1, 2):  # of plane and slices: generator, discriminator
        torch.testing.assert_close(plane[player][:, 1], lines[0][player].losses, rtol=0, atol=1e-12)
        torch.testing.assert_close(plane[player][1], lines[1][player].losses, rtol=0, atol=1e-12)
        torch.testing.assert_close(plane[player].diag(), diagonal[player].losses, rtol=0, atol=1e-12)


def test_every_filter_of_a_direction_is_as_long_as_its_own():
    """Filter by filter, in a loop over a convolutional pair with biases and embeddings."""
    game, _ = gan()
    with torch.no_grad():
        next(game.generator.parameters())[0] = 0.0  # a filter of zeros does not move
    rest = diagnostics.filter_normalised_direction(game, seed=3)
    for player in game.players:
        for parameter in player.parameters():
            part, rest = rest[: parameter.numel()].view_as(parameter), rest[parameter.numel() :]
            for filter, own in zip(part, parameter, strict=True):
                assert filter.norm().item() == pytest.approx(own.norm().item(), rel=1e-12)
    assert not len(rest)


def test_directions_differ_by_seed_and_belong_to_their_player():
    game, _ = gan("mlp")
    both, again, other = (diagnostics.filter_normalised_direction(game, seed) for seed in (0, 0, 1))
    assert torch.equal(both, again)
    assert abs(torch.cosine_similarity(both, other, 0)) < 0.5
    parts = [diagnostics.filter_normalised_direction(game, 0, player) for player in (0, 1)]
    assert torch.equal(sum(parts), both)
    assert parts[0][: game.sizes[0]].any()
    assert not parts[0][game.sizes[0] :].any()
    assert not parts[1][: game.sizes[0]].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_directions_in_other_dtypes_and_odd_shapes(dtype):
    """A number, nothing, and parameters that are not trained."""
    player = nn.Module()
    player.number, player.none = nn.Parameter(torch.tensor(3.0)), nn.Parameter(torch.zeros(0, 2))
    player.held = nn.Parameter(torch.ones(4), requires_grad=False)
    player.matrix = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    game = generation(player.to(dtype), nn.Linear(1, 1).to(dtype), losses.hinge)
    found = diagnostics.filter_normalised_direction(game, seed=0, player=0)
    assert found.dtype == dtype
    assert found.shape == game.point().shape == (7,)
    assert [abs(found[0]).item(), found[1:3].norm().item()] == pytest.approx([3, 5], rel=1e-2)
    assert not found[3:].any()


def test_what_makes_no_slice_is_refused():
    game = toys.dirac()
    point, along = game.point(), torch.ones(2).double()
    for amounts in ((), (0.0, math.nan), 1.0):
        with pytest.raises(InputError, match="give a sequence of finite numbers"):
            diagnostics.loss_slice(game, point, along, toys.EMPTY, amounts)
        with pytest.raises(InputError, match="give a sequence of finite numbers"):
            diagnostics.loss_plane(game, point, along, along, toys.EMPTY, amounts)
    with pytest.raises(InputError, match=r"direction is torch\.float32 \(2,\): give a flat vector"):
        diagnostics.loss_slice(game, point, along.float(), toys.EMPTY, AMOUNTS)
    with pytest.raises(InputError, match=r"second is torch\.float64 \(3,\): give a flat vector"):
        diagnostics.loss_plane(game, point, along, torch.ones(3).double(), toys.EMPTY, AMOUNTS)
    with pytest.raises(InputError, match="player is 2: give 0 for the generator, 1 for the discriminator"):
        diagnostics.filter_normalised_direction(game, 0, player=2)
