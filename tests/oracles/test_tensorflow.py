"""The game against TensorFlow: the usual GradientTape loop, corrected, with Keras players on the same weights.

The oracle is GradientTape, nested for penalties and for products with the transposed Jacobian, and Keras' SGD.
"""

import keras
import numpy as np
import pytest
import torch

from nablagan import losses, optim, penalties
from nablagan.players import dcgan, mlp
from nablagan.tasks import generation
from nablagan.types import Batch
from oracles import in_keras
from oracles.near import assert_near

pytestmark = pytest.mark.oracle
LATENT, COUNT, POINTS, IMAGES, WIDTHS = 3, 6, 5, (2, 8, 12), (4, 3)
KINDS = ["mlp", "kernel 3", "kernel 4"]
LOSSES = ["minimax", "non_saturating", "wasserstein", "hinge", "least_squares", "relativistic"]
WEIGHTS = {"none": {}, "r1": {"r1": 0.7}, "r1+r2": {"r1": 0.7, "r2": 1.3}}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_weight = pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS.keys())


def ours(kind, dtype=torch.float64):
    """(generator, discriminator), every weight off its start."""
    torch.manual_seed(1)
    if kind == "mlp":
        pair = mlp.generator((POINTS,), LATENT, widths=(6, 4)), mlp.discriminator((POINTS,), widths=(4, 6))
    else:
        kernel = int(kind[-1])
        pair = dcgan.generator(IMAGES, LATENT, widths=WIDTHS), dcgan.discriminator(IMAGES, widths=WIDTHS, kernel=kernel)
    for parameter in (p for player in pair for p in player.parameters()):
        torch.nn.init.normal_(parameter, std=0.4)
    return tuple(player.to(dtype) for player in pair)


def theirs(kind, dtype="float64"):
    """The same pair in Keras, at weights of its own."""
    keras.utils.set_random_seed(2)
    if kind == "mlp":
        return in_keras.mlp_generator(LATENT, POINTS, (6, 4), dtype), in_keras.mlp_discriminator(POINTS, (4, 6), dtype)
    shape = (*IMAGES[1:], IMAGES[0])
    return (
        in_keras.convolutional_generator(LATENT, shape, WIDTHS, dtype),
        in_keras.convolutional_discriminator(shape, WIDTHS, int(kind[-1]), dtype),
    )


def batch_for(kind, seed=3, dtype=torch.float64):
    source = torch.Generator().manual_seed(seed)
    shape = (POINTS,) if kind == "mlp" else IMAGES
    real = torch.randn(COUNT, *shape, generator=source, dtype=torch.float64)
    return Batch(real.to(dtype), torch.randn(COUNT, LATENT, generator=source, dtype=torch.float64).to(dtype))


def both_games(kind, loss, weights, dtype="float64"):
    """Ours and that of Keras, at our weights."""
    players, models = ours(kind, getattr(torch, dtype)), theirs(kind, dtype)
    for player, model in zip(players, models, strict=True):
        in_keras.copy_to_keras(player, model)
    by_name = {getattr(penalties, name): weight for name, weight in weights.items()}
    game = generation(*players, loss=getattr(losses, loss), penalties=by_name)
    return game, in_keras.KerasGame(*models, getattr(in_keras, loss), **weights)


def arrays(batch):
    return in_keras.samples(batch.real), in_keras.samples(batch.latent)


@pytest.mark.parametrize("kind", ["mlp", "kernel 4"])
@every_weight
@pytest.mark.parametrize("loss", LOSSES)
def test_both_gradients_are_those_of_one_tape(loss, weights, kind):
    game, other = both_games(kind, loss, weights)
    batch = batch_for(kind)
    theta, psi = other.gradients(*arrays(batch))
    found_theta, found_psi = game.field(batch).split(game.sizes)
    assert_near(found_theta, in_keras.flat(theta))
    assert_near(found_psi, in_keras.flat(psi))


@every_kind
def test_in_float32(kind):
    game, other = both_games(kind, "relativistic", WEIGHTS["r1"], "float32")
    batch = batch_for(kind, dtype=torch.float32)
    theta, psi = other.gradients(*arrays(batch))
    assert_near(game.field(batch), in_keras.flat(theta + psi), relative=1e-5)


@every_kind
@every_weight
def test_transposed_products_are_those_of_nested_tapes(weights, kind):
    game, other = both_games(kind, "non_saturating", weights)
    batch = batch_for(kind)
    u = torch.randn(sum(game.sizes), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    expected = in_keras.flat(other.transposed_times(*arrays(batch), u.numpy()))
    assert_near(game.jacobian(batch).T @ u, expected)


@every_kind
@pytest.mark.parametrize("weights", [WEIGHTS["none"], WEIGHTS["r1+r2"]], ids=["none", "r1+r2"])
def test_ten_alternating_steps_end_at_the_same_weights(weights, kind):
    assert_same_end(optim.Alternating, in_keras.KerasGame.alternating_step, weights, kind)


@every_kind
def test_ten_simultaneous_steps_end_at_the_same_weights(kind):
    assert_same_end(optim.Simultaneous, in_keras.KerasGame.simultaneous_step, WEIGHTS["r1"], kind)


def assert_same_end(order, step, weights, kind):
    """A new batch a step. Keras keeps the rates in float32, so they are powers of two."""
    game, other = both_games(kind, "non_saturating", weights)
    rates, start = (2**-3, 2**-2) if kind == "mlp" else (2**-8, 2**-7), game.point()
    update = order(game, *(torch.optim.SGD(p.parameters(), lr=r) for p, r in zip(game.players, rates, strict=True)))
    optimizers = [keras.optimizers.SGD(rate) for rate in rates]
    for seed in range(10):
        batch = batch_for(kind, seed)
        update.step(batch)
        step(other, *arrays(batch), *optimizers)
    moved = game.point() - start
    assert all(part.norm() > 0.01 * start.norm() for part in moved.split(game.sizes))
    assert_near(moved, in_keras.flat(other.variables) - start.numpy())


@every_kind
def test_weights_go_both_ways(kind):
    """From Keras' own start: the same samples and logits here, and the same weights when copied back."""
    players, models = ours(kind), theirs(kind)
    batch = batch_for(kind)
    before = [variable.numpy() for model in models for variable in model.trainable_variables]
    for player, model in zip(players, models, strict=True):
        in_keras.copy_to_torch(model, player)
    fake = models[0](batch.latent.numpy())
    assert_near(in_keras.samples(players[0](batch.latent).detach()), fake.numpy())
    assert_near(players[1](batch.real).detach(), models[1](in_keras.samples(batch.real)).numpy()[:, 0])
    for player, model in zip(players, models, strict=True):
        in_keras.copy_to_keras(player, model)
    after = [variable.numpy() for model in models for variable in model.trainable_variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
