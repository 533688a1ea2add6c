"""The game against an independent oracle: plain automatic differentiation and dense matrices in float64."""

import pytest
import torch
from torch import nn

from cases import LOSSES, PENALTY_WEIGHTS, name_of
from nablagan import losses
from nablagan.data import diffaugment
from nablagan.game import held
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError
from oracle import SHAPES, Oracle, assert_near, assert_products, batch_for, draws, plain_game, products, tiny

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=name_of)
every_penalty = pytest.mark.parametrize("weights", PENALTY_WEIGHTS.values(), ids=PENALTY_WEIGHTS.keys())
every_kind = pytest.mark.parametrize("kind", SHAPES)


@every_kind
@every_penalty
@every_loss
def test_products_and_gradients_are_those_of_plain_differentiation(kind, weights, loss):
    players, batch = tiny(kind), batch_for(kind)
    game, expected = generation(*players, loss=loss, penalties=weights), Oracle(*players, loss, weights, batch)
    assert_products(game, batch, expected)
    assert_live_gradients(game, batch, expected, weights)


def assert_live_gradients(game, batch, expected, weights):
    fake = game.generate(batch)
    discriminator, generator = game.discriminator_gradient(batch, fake), game.generator_gradient(batch, fake)
    theta, psi = expected.field.split(game.sizes)
    assert_near(torch.cat([t.flatten() for t in generator.tensors]), theta)
    assert_near(torch.cat([t.flatten() for t in discriminator.tensors]), psi)
    assert_near(torch.stack([generator.loss, discriminator.loss]), expected.losses)
    for player, gradient in zip(game.players, (generator, discriminator), strict=True):
        assert [t.shape for t in gradient.tensors] == [p.shape for p in player.parameters()]
        assert all(p.grad is None and p.requires_grad for p in player.parameters())
    assert set(discriminator.measures) == {"real_logits", "fake_logits", *(f"penalty_{p.__name__}" for p in weights)}


@every_penalty
@every_loss
def test_products_are_those_of_the_dense_matrix(weights, loss):
    players, batch = tiny("mlp"), batch_for("mlp")
    jacobian = generation(*players, loss=loss, penalties=weights).jacobian(batch)
    matrix = Oracle(*players, loss, weights, batch).matrix()
    for u in draws(3, len(matrix)):
        assert_near(jacobian @ u, matrix @ u)
        assert_near(jacobian.T @ u, matrix.T @ u)


@every_kind
def test_augmented_products_are_those_of_plain_differentiation(kind):
    players, batch, weights = tiny(kind), batch_for(kind), PENALTY_WEIGHTS["r1+r2"]

    def augment(images, batch):
        if kind == "mlp":
            return images * (0.5 + batch.augmentation[:, :1])
        return diffaugment(images, batch.augmentation, ("color", "translation", "cutout"))

    game = generation(*players, loss=losses.relativistic, penalties=weights, augment=augment)
    expected = Oracle(*players, losses.relativistic, weights, batch, augment)
    assert_products(game, batch, expected)
    plain = Oracle(*players, losses.relativistic, weights, batch)
    assert (expected.field - plain.field).norm() > 1e-3 * plain.field.norm()


def test_live_gradients_run_through_their_own_player_only():
    """What the discriminator is given and holds, at each of its four calls."""
    game, batch = generation(*tiny("mlp"), loss=losses.relativistic), batch_for("mlp")
    seen = []
    game.discriminator.register_forward_pre_hook(
        lambda player, given: seen.append((given[0].requires_grad, next(player.parameters()).requires_grad))
    )
    fake = game.generate(batch)
    game.discriminator_gradient(batch, fake)
    game.generator_gradient(batch, fake)
    assert seen == [(False, True), (False, True), (False, False), (True, False)]


@every_loss
def test_cross_derivatives_are_there(loss):
    """With detached samples both would be zero, and every second-order method plain gradient descent."""
    game, batch = generation(*tiny("mlp"), loss=loss), batch_for("mlp")
    theta, psi = game.sizes
    jacobian, u = game.jacobian(batch), draws(theta + psi)
    of_psi = torch.cat([torch.zeros(theta).double(), u[theta:]])
    assert (jacobian @ of_psi)[:theta].norm() > 1e-4 * of_psi.norm()
    assert (jacobian @ (u - of_psi))[theta:].norm() > 1e-4 * u.norm()


def test_held_restores_the_flags_after_an_exception():
    player = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    player[0].weight.requires_grad_(False)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), held(player):
        player(torch.zeros(1, 3))
    assert [p.requires_grad for p in player.parameters()] == [False, True, True, True]


@every_kind
def test_point_and_move_to_are_inverse(kind):
    game = generation(*tiny(kind), loss=losses.relativistic)
    names = [p for player in game.players for p in player.parameters()]
    assert torch.equal(game.point(), torch.cat([p.detach().flatten() for p in names]))
    there = draws(sum(game.sizes))
    game.move_to(there)
    assert torch.equal(game.point(), there)
    game.point().zero_()
    assert torch.equal(game.point(), there)


def test_a_jacobian_keeps_its_point():
    game, batch = generation(*tiny("mlp"), loss=losses.relativistic), batch_for("mlp")
    jacobian, u = game.jacobian(batch), draws(sum(game.sizes))
    before = jacobian.field, jacobian @ u
    assert jacobian.shape == (len(u), len(u))
    assert torch.equal(jacobian.T.T @ u, jacobian @ u)
    game.move_to(game.point() + 1)
    assert all(torch.equal(a, b) for a, b in zip(before, (jacobian.field, jacobian @ u), strict=True))
    assert not torch.equal(game.field(batch), before[0])


@pytest.mark.parametrize("wrong", [torch.zeros(5), torch.zeros(2, 1), torch.zeros(1), torch.zeros(2).float()])
def test_vectors_of_another_size_or_dtype_are_refused(wrong):
    game = toys.quadratic(1.0, 1.0, 1.0)
    wrong = wrong if wrong.shape == (2,) else wrong.double()
    remedy = r"give a flat vector \(2,\) of torch\.float64, as game\.point\(\) does"
    for ask in (
        game.move_to,
        lambda vector: game.directional_derivatives(toys.EMPTY, vector),
        lambda vector: game.jacobian(toys.EMPTY) @ vector,
        lambda vector: game.jacobian(toys.EMPTY).T @ vector,
    ):
        with pytest.raises(InputError, match=remedy):
            ask(wrong)


def test_frozen_parameters_are_left_out():
    generator, discriminator = tiny("mlp")
    batch = batch_for("mlp")
    full = generation(generator, discriminator, loss=losses.relativistic, penalties=PENALTY_WEIGHTS["r1"])
    moved = [True] * len(list(generator.parameters())) + [False, False, True, True]
    parameters = [p for player in full.players for p in player.parameters()]
    kept = torch.cat([torch.full((p.numel(),), keep) for p, keep in zip(parameters, moved, strict=True)])
    field, jacobian, u = full.field(batch), full.jacobian(batch), draws(len(kept)) * kept
    product = jacobian @ u
    discriminator.hidden.requires_grad_(False)
    assert full.sizes[1] == kept.sum() - full.sizes[0]
    assert_near(full.field(batch), field[kept])
    assert_near(full.jacobian(batch) @ u[kept], product[kept])
    gradient = full.discriminator_gradient(batch, full.generate(batch))
    assert_near(torch.cat([t.flatten() for t in gradient.tensors]), field[kept][full.sizes[0] :])
    discriminator.requires_grad_(False)
    with pytest.raises(InputError, match="it has nothing to learn"):
        full.discriminator_gradient(batch, full.generate(batch))


@every_penalty
def test_plain_modules_with_operations_in_place(weights):
    inside = [nn.LeakyReLU(0.2, inplace=True), nn.Linear(6, 6), nn.SiLU(inplace=True), nn.Linear(6, 6)]
    game, batch = plain_game(*inside, weights=weights), batch_for("mlp")
    expected = Oracle(*game.players, losses.relativistic, weights, batch)
    assert_products(game, batch, expected)
    gradient = game.discriminator_gradient(batch, game.generate(batch))
    assert_near(torch.cat([t.flatten() for t in gradient.tensors]), expected.field[game.sizes[0] :])


def test_a_mean_over_halves_of_a_batch_is_the_whole_batch():
    """What engine.mean does: every product of a game is averaged."""
    players, batch = tiny("dcgan"), batch_for("dcgan", 6)
    halves = [Batch(*(t[part] for t in batch[:2]), batch.label[part]) for part in (slice(0, 3), slice(3, 6))]
    whole, first = (
        generation(*players, losses.relativistic, PENALTY_WEIGHTS["r1+r2"], mean=mean)
        for mean in (lambda t: t, lambda t: t / 2)
    )
    for one, other, both in zip(*(products(first, half) for half in halves), products(whole, batch), strict=True):
        assert_near(one + other, both)
    gradients = [first.discriminator_gradient(half, first.generate(half)) for half in halves]
    expected = whole.discriminator_gradient(batch, whole.generate(batch))
    for one, other, both in zip(*(gradient.tensors for gradient in gradients), expected.tensors, strict=True):
        assert_near(one + other, both)
    for name, value in expected.measures.items():
        assert_near(gradients[0].measures[name] + gradients[1].measures[name], value)
