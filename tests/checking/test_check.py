"""The derivative check: right games pass on awkward layers, wrong ones are caught and named, and nothing is moved.

The oracle is what each case is built to be: a derivative that is known to be right, or known to be wrong.
"""

import random
from functools import partial

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

import nablagan as ng
from cases import LOSSES, UPDATES
from nablagan import losses, penalties
from nablagan.checking import derivative_check
from nablagan.checking.twin import Twin
from nablagan.data import diffaugment
from nablagan.data.augment import DRAWS, KINDS
from nablagan.game import Game
from nablagan.players import dcgan, r3gan
from nablagan.pure import seeded_draws
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError, Outcome
from oracle import draws
from states import assert_same, everything

R1, R2 = penalties.r1, penalties.r2
spectral_norm = nn.utils.parametrizations.spectral_norm


class Player(nn.Module):
    """A user's player in float32, with something in the middle; any label is ignored."""

    def __init__(self, given, made, *inside, activation=nn.LeakyReLU):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(given, 8), *inside, activation(), nn.Linear(8, 8), nn.Tanh())
        self.last = nn.Linear(8, made)

    def forward(self, given, label):
        out = self.last(self.body(given))
        return out.squeeze(1) if out.shape[1] == 1 else out


def game_of(*inside, weights=None, loss=losses.relativistic, generator_inside=(), activation=nn.LeakyReLU, **options):
    torch.manual_seed(0)
    generator = Player(2, 3, *generator_inside, activation=activation)
    discriminator = Player(3, 1, *inside, activation=activation)
    return generation(generator, discriminator, loss, {R1: 1.0, R2: 0.5} if weights is None else weights, **options)


def batch_of(count=16, dtype=torch.float32):
    uniform = torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(5))
    return Batch(draws(count, 3).to(dtype), draws(count, 2, seed=2).to(dtype), augmentation=uniform.to(dtype))


class Attention(nn.MultiheadAttention):
    """Over two tokens of four numbers, by the fused kernel where there is one."""

    def __init__(self):
        super().__init__(4, 2, batch_first=True)

    def forward(self, x):
        tokens = x.unflatten(1, (2, 4))
        return super().forward(tokens, tokens, tokens, need_weights=False)[0].flatten(1)


class Narrow(nn.Module):
    """Casts down, as users' mixed precision does."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, x):
        return (x.to(self.dtype) * 2).float()


def by(method, penalty=R1):
    return {partial(penalty, method=method): 1.0}


def frozen_generator():
    game = game_of()
    game.generator.requires_grad_(False)
    return game


torch.manual_seed(0)
SHARED = nn.Linear(8, 8)
RIGHT = {
    "leaky": game_of(),
    "relu": game_of(activation=nn.ReLU),
    "hinge": game_of(loss=losses.hinge, activation=nn.ReLU),
    "layer norm by double backward": game_of(nn.LayerNorm(8)),
    "spectral norm": game_of(spectral_norm(nn.Linear(8, 8)), generator_inside=[spectral_norm(nn.Linear(8, 8))]),
    "old spectral norm": game_of(nn.utils.spectral_norm(nn.Linear(8, 8))),
    "batch norm": game_of(nn.BatchNorm1d(8), weights={}, generator_inside=[nn.BatchNorm1d(8)]),
    "batch norm of the generator": game_of(generator_inside=[nn.BatchNorm1d(8)]),
    "dropout": game_of(nn.Dropout(0.5), generator_inside=[nn.Dropout(0.3)]),
    "attention": game_of(Attention()),
    "bfloat16": game_of(Narrow(torch.bfloat16)),
    "float16": game_of(Narrow(torch.float16)),
    "lazily": game_of(weights={penalties.lazily(R1, 16, 4): 1.0}),
    "on a fraction": game_of(weights={penalties.on_fraction(R1, 1 / 8): 1.0}),
    "wgan_gp": game_of(weights={penalties.wgan_gp: 10.0}, loss=losses.wasserstein),
    "aligned_jvp": game_of(weights=by(penalties.aligned_jvp), activation=nn.ReLU),
    "aligned_central_fd": game_of(weights=by(penalties.aligned_central_fd)),
    "aligned_central_fd, a long step": game_of(weights=by(partial(penalties.aligned_central_fd, step=1.0), R2)),
    "random_jvp": game_of(weights=by(penalties.random_jvp(2))),
    "random_fd": game_of(weights=by(penalties.random_fd(0.01))),
    "centring": game_of(weights={penalties.centring: 1.0}),
    "two names of one layer": game_of(SHARED, nn.Tanh(), SHARED),
    "a frozen layer": game_of(nn.Linear(8, 8).requires_grad_(False)),
    "a frozen generator": frozen_generator(),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name):
    found = derivative_check(RIGHT[name], batch_of())
    assert found.largest_error <= found.tolerance
    assert {"generator_loss", "discriminator_loss"} <= {comparison.loss for comparison in found.comparisons}
    assert any(abs(comparison.derivative) > 1e-6 for comparison in found.comparisons)
    assert found.unjudged == ()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_every_loss_passes(loss):
    derivative_check(game_of(loss=loss, activation=nn.SiLU), batch_of())


@pytest.mark.parametrize("kind", [dcgan, r3gan], ids=["dcgan", "r3gan"])
def test_players_by_class_behind_an_augmentation_pass(kind):
    torch.manual_seed(0)
    shape, options = (2, 8, 8), {"size": "tiny"} | ({"bfloat16_stages": 1} if kind is r3gan else {})
    pair = kind.generator(shape, latent_size=2, classes=3, **options), kind.discriminator(shape, classes=3, **options)

    def augment(images, batch):
        return diffaugment(images, batch.augmentation, KINDS, 0.9)

    game = generation(*pair, losses.relativistic, {R1: 1.0, R2: 1.0}, augment)
    real = draws(6, *shape).clamp(-1, 1).float()
    batch = batch_of(6)._replace(real=real, label=torch.arange(6) % 3)
    assert derivative_check(game, batch).largest_error < 1e-5


@pytest.mark.parametrize("method", [penalties.aligned_fd, penalties.aligned_central_fd])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_differences_through_many_leaky_units_pass(method, seed):
    """Steps of float64, of 1e-7, are lost in their own rounding: right gradients were refused."""
    torch.manual_seed(seed)
    shape = (1, 8, 8)
    pair = dcgan.generator(shape, latent_size=4, size="tiny"), dcgan.discriminator(shape, size="tiny")
    game = generation(*pair, losses.relativistic, by(method) | by(method, R2))
    batch = Batch(draws(16, 64).view(16, *shape).float(), draws(16, 4, seed=2).float())
    assert derivative_check(game, batch).largest_error <= 1e-5


def test_toys_and_single_rows_pass():
    for game in (toys.dirac(0.3), toys.bilinear(torch.eye(2)), toys.quadratic(1.0, 2.0, 0.0)):
        derivative_check(game, toys.EMPTY)
    derivative_check(game_of(), batch_of(1))


class Wrong(torch.autograd.Function):
    """The square, with the derivative of its half."""

    @staticmethod
    def forward(x):
        return x.square()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.saved_tensors[0] * gradient


class Once(Wrong):
    """The square, whose derivative is right once."""

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def sneaky_jvp(discriminator, pair):
    """R1 along the gradient in forward mode, hidden from the guard."""
    ask = torch.func.grad(lambda x: discriminator(x, pair.label).sum())(pair.real)
    slope = torch.func.jvp(lambda x: discriminator(x, pair.label), (pair.real,), (ask.detach(),))[1]
    return slope - ask.detach().square().sum(1) / 2


def detached_slope(discriminator, pair):
    slope = penalties.input_gradient(discriminator, pair.real, pair.label)
    return (slope * slope.detach()).sum(1) / 2


def lost_slope(discriminator, pair):
    return penalties.half_squared_norm(penalties.input_gradient(discriminator, pair.real, pair.label).detach())


def detaching(real, fake):
    return losses.relativistic(real, fake)._replace(generator=functional.softplus(real.detach() - fake))


def half_detaching(real, fake):
    return losses.hinge(real, fake)._replace(generator=-fake * (1 + 0.01 * fake.detach()))


WRONG = {
    "layer norm behind forward mode": (
        game_of(nn.LayerNorm(8), weights={sneaky_jvp: 1.0}),
        r"penalty sneaky_jvp .*discriminator's body\.1 \(LayerNorm\).*replace_norms",
    ),
    "however small": (game_of(nn.LayerNorm(8), weights={sneaky_jvp: 1e-9}), "penalty sneaky_jvp"),
    "a detached slope": (game_of(weights={detached_slope: 1.0}), "penalty detached_slope .*a detach"),
    "a lost slope": (game_of(weights={lost_slope: 1.0}), "penalty lost_slope"),
    "a loss that detaches real logits": (game_of(loss=detaching), "generator loss .*the discriminator's parameters"),
    "a loss that detaches half": (game_of(loss=half_detaching), "generator loss .*the generator's parameters"),
    "a wrong function in the discriminator": (
        game_of(Apply(Wrong.apply), weights={}),
        "loss .*the autograd.Function Wrong",
    ),
    "a wrong function in the generator": (game_of(generator_inside=[Apply(Wrong.apply)]), "generator loss"),
    "a function that is right once": (game_of(Apply(Once.apply)), "penalty r1"),
    "an item": (game_of(Apply(lambda x: x * x.sum().item()), weights={}), "detach, .item"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_are_caught_and_named(name):
    game, expected = WRONG[name]
    with pytest.raises(InputError, match=expected) as caught:
        derivative_check(game, batch_of())
    assert "\n" not in str(caught.value)
    assert "--no-derivative-check" in str(caught.value)


def test_a_composed_norm_repairs_it():
    game = game_of(nn.LayerNorm(8), weights={sneaky_jvp: 1.0})
    ng.players.layers.replace_norms(game.discriminator)
    derivative_check(game, batch_of())


def test_both_losses_along_both_players_and_each_penalty_are_compared():
    found = derivative_check(RIGHT["leaky"], batch_of())
    assert {(comparison.loss, comparison.player) for comparison in found.comparisons} == {
        ("penalty_r1", "discriminator"),
        ("penalty_r2", "discriminator"),
        ("generator_loss", "generator"),
        ("generator_loss", "discriminator"),
        ("discriminator_loss", "generator"),
        ("discriminator_loss", "discriminator"),
    }
    assert found.rows == 4
    assert derivative_check(RIGHT["on a fraction"], batch_of()).rows == 16


def test_the_derivatives_are_those_of_the_game():
    """The oracle is the game's own field, at the twin's point, along the twin's first directions."""
    game, batch = game_of(nn.Dropout(0.5), activation=nn.Tanh), batch_of()
    twin = Twin(game, batch, 4)
    with seeded_draws(twin.game.players, 0):
        live = twin.game.discriminator_gradient(twin.batch, twin.game.generate(twin.batch)).tensors
    for found, expected in zip(twin.gradient("discriminator_loss", "discriminator"), live, strict=True):
        assert torch.equal(found, expected)
    plain = Twin(game_of(activation=nn.Tanh), batch, 4)
    size = plain.game.sizes[0]
    field = plain.game.field(plain.batch)
    for player, part in (("generator", field[:size]), ("discriminator", field[size:])):
        torch.testing.assert_close(torch.cat([t.flatten() for t in plain.gradient(f"{player}_loss", player)]), part)


@pytest.mark.parametrize("name", ["spectral norm", "dropout", "batch norm", "aligned_jvp", "attention"])
def test_nothing_is_moved(name):
    game, batch = RIGHT[name], batch_of()
    before, dtype, generator = everything(game), torch.get_default_dtype(), random.getstate()
    derivative_check(game, batch)
    assert_same(before, everything(game))
    assert torch.get_default_dtype() == dtype
    assert random.getstate() == generator


def test_the_same_question_has_the_same_answer():
    assert derivative_check(RIGHT["dropout"], batch_of()) == derivative_check(RIGHT["dropout"], batch_of())


def test_the_default_dtype_is_restored_after_an_error():
    with pytest.raises(InputError):
        derivative_check(WRONG["an item"][0], batch_of())
    assert torch.get_default_dtype() == torch.float32


def test_losses_that_are_not_finite_are_left_to_training():
    batch = batch_of()
    batch.real[0, 0] = float("nan")
    found = derivative_check(game_of(weights={}, loss=losses.wasserstein), batch)
    assert found.unjudged == ("discriminator_loss",)
    assert {comparison.loss for comparison in found.comparisons} == {"generator_loss"}


def test_a_game_of_constants_in_float32_is_computed_in_float64():
    shift = torch.full((3,), 0.1)
    derivative_check(game_of(augment=lambda x, batch: functional.linear(x + shift, torch.eye(3))), batch_of())


def test_what_cannot_be_judged_is_told():
    class Loud(nn.Module):
        def forward(self, x):
            return torch.cdist(x.unflatten(1, (2, 4)), x.unflatten(1, (2, 4))).flatten(1).repeat(1, 2)

    with pytest.raises(InputError, match="a player calls cdist, which has no second derivative"):
        derivative_check(game_of(Loud()), batch_of())

    def halved(generator, batch):
        raise RuntimeError("expected scalar type Double but found Half")

    game = Game(*game_of().players, halved, lambda d, f, b: Outcome(f, {}), lambda d, f, b: Outcome(f, {}))
    with pytest.raises(InputError, match="cannot be computed in float64"):
        derivative_check(game, batch_of())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        derivative_check(game_of(), batch_of()._replace(latent=draws(16, 5).float()))


@pytest.mark.parametrize("update", [UPDATES[0], UPDATES[2]], ids=lambda update: update.__name__)
def test_a_step_after_the_check_is_the_same_bit_for_bit(update):
    """With dropout, whose draws would differ if a generator had moved."""
    points = []
    for check in (False, True):
        torch.manual_seed(1)
        game = game_of(nn.Dropout(0.5), spectral_norm(nn.Linear(8, 8)))
        if check:
            derivative_check(game, batch_of())
        update(game, *(torch.optim.Adam(player.parameters(), 1e-2) for player in game.players)).step(batch_of())
        points.append((game.point(), *(buffer for player in game.players for buffer in player.buffers())))
    for without, after in zip(*points, strict=True):
        assert torch.equal(without, after)
