"""The game against JAX in float64: the same players, losses and penalties written there, on the same weights.

The oracle is JAX's own differentiation: jax.grad, jax.jvp, jax.vjp, jax.jacrev.
"""

from functools import partial

import jax
import pytest
import torch

from cases import LOSSES, name_of
from nablagan import losses, penalties
from nablagan.tasks import generation
from oracle import batch_for, draws, tiny
from oracles import in_jax
from oracles.near import assert_near

pytestmark = pytest.mark.oracle
PENALTIES = {
    "none": ({}, {}),
    "r1": ({penalties.r1: 0.7}, {in_jax.r1: 0.7}),
    "r1+r2": ({penalties.r1: 0.7, penalties.r2: 1.3}, {in_jax.r1: 0.7, in_jax.r2: 1.3}),
    "one-centred": ({partial(penalties.one_centred, place=penalties.fake): 2.0}, {in_jax.one_centred: 2.0}),
}
"""name -> (ours, JAX's) with the same weights."""
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=name_of)
every_penalty = pytest.mark.parametrize("weights", PENALTIES.values(), ids=PENALTIES.keys())


def both_games(kind, loss, weights):
    players, batch = tiny(kind), batch_for(kind, 4)
    game = generation(*players, loss=loss, penalties=weights[0])
    return game, batch, in_jax.JaxGame(kind, players, getattr(in_jax, loss.__name__), weights[1], batch)


@every_penalty
@every_loss
def test_field_and_its_products_are_those_of_jax(loss, weights):
    """The convolutional pair is conditional: embedding and projection take part."""
    game, batch, other = both_games("dcgan", loss, weights)
    jacobian, u = game.jacobian(batch), draws(sum(game.sizes), seed=7)
    w, direction = in_jax.array(game.point()), in_jax.array(u)
    value, slopes = jax.jvp(other.losses, (w,), (direction,))
    field, times = jax.jvp(other.field, (w,), (direction,))
    (transposed_times,) = jax.vjp(other.field, w)[1](direction)
    assert_near(torch.stack(tuple(game.losses(batch))), value)
    assert_near(torch.stack(tuple(game.directional_derivatives(batch, u))), slopes)
    assert_near(game.field(batch), field)
    assert_near(jacobian @ u, times)
    assert_near(jacobian.T @ u, transposed_times)


@every_penalty
@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic_average], ids=name_of)
def test_the_matrix_of_products_is_jacrev_of_the_field(loss, weights):
    game, batch, other = both_games("mlp", loss, weights)
    jacobian, w = game.jacobian(batch), in_jax.array(game.point())
    dense = jax.jacrev(other.field)(w)
    units = torch.eye(len(w), dtype=torch.float64)
    assert_near(torch.stack([jacobian @ unit for unit in units], dim=1), dense)
    assert_near(torch.stack([jacobian.T @ unit for unit in units]), dense)
