"""Nothing is moved by asking, and parts that move by themselves or share parameters have right derivatives."""

import pytest
import torch
from torch import nn

from cases import PENALTY_WEIGHTS
from nablagan import losses
from nablagan.types import InputError
from oracle import Oracle, assert_near, assert_products, batch_for, draws, plain_game, products
from states import assert_same, everything


class Counting(nn.Module):
    """Counts its calls in a buffer, like a running statistic."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x


def moving_parts():
    spectral = nn.utils.parametrizations.spectral_norm
    return {
        "spectral": ([spectral(nn.Linear(6, 6))], [spectral(nn.Linear(6, 6))], PENALTY_WEIGHTS["r1+r2"]),
        "partly evaluated": ([spectral(nn.Linear(6, 6)).eval()], [nn.Dropout().eval()], PENALTY_WEIGHTS["r1"]),
        "batch": ([nn.BatchNorm1d(6)], [nn.BatchNorm1d(6)], {}),
        "buffer": ([Counting()], [Counting()], PENALTY_WEIGHTS["r1+r2"]),
        "dropout": ([nn.Dropout()], [nn.Dropout()], PENALTY_WEIGHTS["r1+r2"]),
    }


@pytest.mark.parametrize("part", moving_parts())
def test_nothing_is_moved_by_asking_and_answers_repeat_bit_for_bit(part):
    inside, generator_inside, weights = moving_parts()[part]
    game = plain_game(*inside, generator_inside=generator_inside, weights=weights)
    batch = batch_for("mlp", 5)
    before = everything(game)
    first = products(game, batch)
    assert_same(before, everything(game))
    torch.randn(3)
    for answer, again in zip(first, products(game, batch), strict=True):
        assert torch.equal(answer, again)


@pytest.mark.parametrize("part", moving_parts())
def test_products_are_consistent_where_parts_move(part):
    """Oracle: central differences of losses and field, the field's halves, and <w, J u> = <J^T w, u>."""
    inside, generator_inside, weights = moving_parts()[part]
    game = plain_game(*inside, generator_inside=generator_inside, weights=weights)
    assert_differences(game, batch_for("mlp", 5))


def assert_differences(game, batch, step=1e-5, relative=1e-5):
    here, u, w = game.point(), draws(sum(game.sizes), seed=7), draws(sum(game.sizes), seed=8)
    sides = []
    for sign in (1, -1):
        game.move_to(here + sign * step * u)
        sides.append((torch.stack(tuple(game.losses(batch))), game.field(batch)))
    game.move_to(here)
    by_losses, by_field = ((there - back) / (2 * step) for there, back in zip(*sides, strict=True))
    jacobian = game.jacobian(batch)
    derivatives = torch.stack(tuple(game.directional_derivatives(batch, u)))
    assert_near(derivatives, by_losses, relative)
    assert_near(jacobian @ u, by_field, relative)
    assert_near(w @ (jacobian @ u), (jacobian.T @ w) @ u, 1e-10)
    theta = torch.cat([u[: game.sizes[0]], torch.zeros(game.sizes[1]).double()])
    along_theta, along_psi = (game.directional_derivatives(batch, d) for d in (theta, u - theta))
    assert_near(along_theta.generator + along_psi.discriminator, game.field(batch) @ u)


def test_spectral_normalisation_stands_still_as_in_evaluation():
    inside, generator_inside, weights = moving_parts()["spectral"]
    game = plain_game(*inside, generator_inside=generator_inside, weights=weights)
    batch = batch_for("mlp", 5)
    found = products(game, batch)
    for player in game.players:
        player.eval()
    for answer, expected in zip(found, products(game, batch), strict=True):
        assert torch.equal(answer, expected)


def norms():
    two_channels = (nn.Unflatten(1, (2, 3)), nn.InstanceNorm1d(2, affine=True), nn.Flatten())
    return {
        "layer": ([nn.LayerNorm(6)], PENALTY_WEIGHTS["r1+r2"]),
        "layer without gain": ([nn.LayerNorm(6, elementwise_affine=False)], PENALTY_WEIGHTS["r1+r2"]),
        "instance": (two_channels, PENALTY_WEIGHTS["r1+r2"]),
        "group": ([nn.GroupNorm(2, 6)], PENALTY_WEIGHTS["r1+r2"]),
        "root mean square": ([nn.RMSNorm(6)], PENALTY_WEIGHTS["r1+r2"]),
        "batch": ([nn.BatchNorm1d(6)], {}),
        "weight": ([nn.utils.parametrizations.weight_norm(nn.Linear(6, 6))], PENALTY_WEIGHTS["r1+r2"]),
    }


@pytest.mark.parametrize("norm", norms())
def test_products_are_right_through_normalisations(norm):
    """Torch's own derivatives of layer and instance norms are wrong from the third order, without an error."""
    inside, weights = norms()[norm]
    game, batch = plain_game(*inside, weights=weights), batch_for("mlp", 5)
    assert_differences(game, batch)
    live = game.discriminator_gradient(batch, game.generate(batch)).tensors
    assert_near(torch.cat([t.flatten() for t in live]), game.field(batch)[game.sizes[0] :])


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(6), nn.InstanceNorm1d(6, track_running_stats=True)])
def test_evaluated_norms_use_their_running_statistics(norm):
    inside = (nn.Unflatten(1, (6, 1)), norm, nn.Flatten())
    game, batch = plain_game(*inside), batch_for("mlp", 5)
    norm.running_mean.add_(0.3)
    norm.running_var.mul_(2)
    norm.eval()
    assert_products(game, batch, Oracle(*game.players, losses.relativistic, {}, batch))


def test_the_old_spectral_norm_is_refused_by_products():
    inside = nn.utils.spectral_norm(nn.Linear(6, 6))
    game = plain_game(inside)
    with pytest.raises(InputError, match=r"use torch\.nn\.utils\.parametrizations\.spectral_norm"):
        game.field(batch_for("mlp"))


def test_flags_and_random_state_are_restored_after_an_exception():
    game = plain_game(nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6)))
    before = everything(game)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        game.field(batch_for("mlp")._replace(latent=draws(3, 5)))
    assert_same(before, everything(game))


class Twice(nn.Linear):
    """One parameter under two names, both used."""

    def __init__(self):
        super().__init__(6, 6)
        self.again = self.weight

    def forward(self, x):
        return super().forward(x) @ self.again


def shared(kind):
    first, second = nn.Linear(6, 6), nn.Linear(6, 6)
    second.weight, second.bias = first.weight, first.bias
    return {"module": [first, nn.Tanh(), first], "parameter": [first, nn.Tanh(), second], "name": [Twice()]}[kind]


@pytest.mark.parametrize("kind", ["module", "parameter", "name"])
def test_shared_parameters_count_once(kind):
    game, batch = plain_game(*shared(kind), weights=PENALTY_WEIGHTS["r1"]), batch_for("mlp")
    assert game.sizes[1] == (3 * 6 + 6) + (36 + 6) + (6 + 1)
    before = everything(game)
    assert_products(game, batch, Oracle(*game.players, losses.relativistic, PENALTY_WEIGHTS["r1"], batch))
    assert_same(before, everything(game))
