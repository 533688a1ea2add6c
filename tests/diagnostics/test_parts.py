"""The parts of the discriminator's gradient: against the chain rule done by plain autograd, and written out by hand."""

import pytest
import torch
from torch import nn

from cases import LOSSES, PENALTIES, name_of
from nablagan import data, diagnostics, losses, penalties
from nablagan.game import Game
from nablagan.tasks import adversarial_flow, generation, toys
from nablagan.types import Batch, InputError, Outcome, Pair
from oracle import PLAIN_PENALTIES, Plain, assert_near, batch_for, draws, plain_game, tiny


def parts_by_hand(game, batch, loss, weights, augment=lambda images, batch: images):
    """(real, fake, rest) on the live modules: loss derivatives on logits that are leaves, then a product each."""
    generator, discriminator = game.players
    psi = list(discriminator.parameters())

    def judge(images):
        return discriminator(augment(images, batch), batch.label)

    def flat(value, weight):
        found = torch.autograd.grad(value, psi, weight, retain_graph=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in found])

    judge.discriminator = discriminator
    pair = Pair(batch.real.clone().requires_grad_(), generator(batch.latent, batch.label), key=batch.latent)
    logits = judge(pair.real), judge(pair.fake)
    leaves = [value.detach().requires_grad_() for value in logits]
    by_logits = torch.autograd.grad(loss(*leaves).discriminator.mean(), leaves)
    zero = sum(0.0 * p.sum() for p in psi)
    rest = zero + sum(weight * PLAIN_PENALTIES[p](judge, pair).mean() for p, weight in weights.items())
    return *(flat(value, weight) for value, weight in zip(logits, by_logits, strict=True)), flat(rest, None)


def assert_parts(found, expected, relative=1e-10):
    """Each relative to the whole, as the rest may be zero."""
    size = sum(expected).norm()
    for part, one in zip(found, expected, strict=True):
        assert (part - one).norm() <= relative * size


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_every_loss(loss):
    game, batch = generation(*tiny("mlp"), loss), batch_for("mlp", 4)
    found = diagnostics.gradient_parts(game, batch)
    assert_parts(found, parts_by_hand(game, batch, loss, {}))
    assert not found.rest.any()
    assert_near(found.whole, game.field(batch)[game.sizes[0] :])


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_every_penalty(penalty):
    """Those of logits themselves (centring) as well: the rest is what a weight of zero would take away."""
    game, batch = generation(*tiny("mlp"), losses.relativistic, {penalty: 0.7}), batch_for("mlp")
    found = diagnostics.gradient_parts(game, batch)
    assert_parts(found, parts_by_hand(game, batch, losses.relativistic, {penalty: 0.7}))
    assert found.rest.norm() > 1e-3 * found.whole.norm()


@pytest.mark.parametrize("kind", ["dcgan", "r3gan"])
def test_conditional_images_with_several_penalties_and_augmentation(kind):
    def augment(images, batch):
        return data.diffaugment(images, batch.augmentation, ("color", "translation"))

    weights, batch = {penalties.r1: 0.7, penalties.r2: 1.3, penalties.centring: 2.0}, batch_for(kind)
    game = generation(*tiny(kind), losses.hinge, weights, augment)
    found = diagnostics.gradient_parts(game, batch)
    expected = parts_by_hand(game, batch, losses.hinge, weights, augment)
    assert_parts(found, expected)
    assert found.norms == pytest.approx([part.norm().item() for part in expected], rel=1e-10)
    pairs = {"real_fake": (0, 1), "real_rest": (0, 2), "fake_rest": (1, 2)}
    for name, (i, j) in pairs.items():
        assert getattr(found, name) == pytest.approx(torch.cosine_similarity(expected[i], expected[j], 0).item())
    data_part = expected[0] + expected[1]
    assert found.data_rest == pytest.approx(torch.cosine_similarity(data_part, expected[2], 0).item())


def test_a_linear_discriminator_by_hand():
    """D(x) = <psi, x>: -mean sigma(-a) x, mean sigma(b) G(z), and gamma psi from R1."""
    generator, discriminator = Plain(nn.Linear(2, 3)), Plain(nn.Linear(3, 1, bias=False), logit=True)
    game = generation(generator.double(), discriminator.double(), losses.non_saturating, {penalties.r1: 0.3})
    batch = batch_for("mlp", 5)
    found, psi = diagnostics.gradient_parts(game, batch), game.point()[game.sizes[0] :]
    fake = generator(batch.latent, None)
    expected = (
        -(torch.sigmoid(-batch.real @ psi)[:, None] * batch.real).mean(0),
        (torch.sigmoid(fake @ psi)[:, None] * fake).mean(0),
        0.3 * psi,
    )
    assert_parts(found, expected, 1e-14)


def test_a_last_layer_whose_derivative_is_made_of_its_value():
    """Double backward of tanh goes through the logit itself: that belongs to the penalty, not to the real part."""
    body = nn.Linear(3, 6), nn.SiLU(), nn.Linear(6, 1), nn.Tanh()
    game = generation(tiny("mlp")[0], Plain(*body, logit=True).double(), losses.minimax, {penalties.r1: 5.0})
    batch = batch_for("mlp")
    expected = parts_by_hand(game, batch, losses.minimax, {penalties.r1: 5.0})
    assert_parts(diagnostics.gradient_parts(game, batch), expected)


def test_an_adversarial_flow():
    """Its logits are directional derivatives; its penalty is of the value they are derived from."""

    class Net(nn.Module):
        def __init__(self, outputs):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, outputs))

        def forward(self, x, t):
            return self.body(torch.cat([x, t[:, None]], 1)).squeeze(1)

    torch.manual_seed(0)
    players, batch = (Net(2).double(), Net(1).double()), Batch(draws(4, 2), draws(4, 2, seed=2))
    plain, penalised = (adversarial_flow(*players, centring=weight) for weight in (0.0, 0.5))
    found, without = (diagnostics.gradient_parts(game, batch) for game in (penalised, plain))
    assert_parts(found[:2], without[:2], 1e-14)
    difference = penalised.field(batch) - plain.field(batch)
    assert_near(found.rest, difference[penalised.sizes[0] :])
    assert not without.rest.any()


@pytest.mark.parametrize("without_gradients", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_is_moved_and_gradients_may_be_off(dtype, without_gradients):
    """Power iterations stand still; the sum is the field in the same dtype."""
    norm = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))
    game = plain_game(norm, nn.LayerNorm(6), loss=losses.relativistic, weights={penalties.r1: 0.7})
    for player in game.players:
        player.to(dtype)
    batch = batch_for("mlp")
    batch = batch._replace(real=batch.real.to(dtype), latent=batch.latent.to(dtype))
    before = [t.clone() for player in game.players for t in player.state_dict().values()]
    with without_gradients():
        found = diagnostics.gradient_parts(game, batch)
    assert found.real.dtype == dtype
    assert_near(found.whole, game.field(batch)[game.sizes[0] :], 1e-5 if dtype == torch.float32 else 1e-12)
    after = [t for player in game.players for t in player.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.grad is None and p.requires_grad for player in game.players for p in player.parameters())


def test_random_layers_draw_the_same_each_time():
    game = plain_game(nn.Dropout(0.5), loss=losses.relativistic)
    state = torch.get_rng_state()
    first, again = (diagnostics.gradient_parts(game, batch_for("mlp")).whole for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)


def test_processes_are_averaged():
    """Each part is: here over two processes, of which the other has the double."""
    game, batch = generation(*tiny("mlp"), losses.hinge, {penalties.r1: 0.7}), batch_for("mlp")
    alone = diagnostics.gradient_parts(game, batch)
    game.mean = lambda tensor: 1.5 * tensor
    assert_parts(diagnostics.gradient_parts(game, batch), [1.5 * part for part in alone], 1e-14)


def test_games_without_logits_are_refused():
    with pytest.raises(InputError, match="has no real_logits with a graph: give a game whose measures"):
        diagnostics.gradient_parts(toys.quadratic(1.0, 1.0, 1.0), toys.EMPTY)

    def game_of(measures):
        def objective(discriminator, fake, batch):
            logits = discriminator() * fake
            return Outcome(logits, measures(logits))

        point = torch.ones(1).double()
        return Game(toys.Point(point), toys.Point(point), lambda generator, batch: generator(), objective, objective)

    detached = game_of(lambda logits: {"real_logits": logits, "fake_logits": logits.detach()})
    with pytest.raises(InputError, match="has no fake_logits with a graph"):
        diagnostics.gradient_parts(detached, toys.EMPTY)
    other = game_of(lambda logits: {"real_logits": 2 * logits, "fake_logits": logits})
    with pytest.raises(InputError, match="does not depend on its measure real_logits: report the logits it uses"):
        diagnostics.gradient_parts(other, toys.EMPTY)


def test_a_discriminator_that_is_held_is_refused():
    game, batch = generation(*tiny("mlp"), losses.hinge), batch_for("mlp")
    game.discriminator.requires_grad_(False)
    with pytest.raises(InputError, match="no parameter of Discriminator requires a gradient"):
        diagnostics.gradient_parts(game, batch)
    assert diagnostics.field_norms(game, batch).discriminator == 0
