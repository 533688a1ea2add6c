"""Norms and cosines of gradients against plain automatic differentiation in float64."""

import math

import pytest
import torch
from torch import nn

from nablagan import diagnostics, losses, penalties
from nablagan.optim import Simultaneous
from nablagan.tasks import generation, toys
from nablagan.types import InputError
from oracle import Oracle, batch_for, draws, tiny

WEIGHTS = {penalties.r1: 0.7}


def gan(kind="dcgan"):
    game, batch = generation(*tiny(kind), losses.relativistic, WEIGHTS), batch_for(kind)
    return game, batch, Oracle(*game.players, losses.relativistic, WEIGHTS, batch).field.detach().split(game.sizes)


def similarity(u, w):
    return torch.cosine_similarity(u, w, dim=0).item()


@pytest.mark.parametrize("kind", ["mlp", "dcgan", "r3gan"])
def test_norms_of_a_small_gan(kind):
    game, batch, field = gan(kind)
    found = diagnostics.field_norms(game, batch)
    assert found == pytest.approx([part.norm().item() for part in field], rel=1e-12)
    assert found.ratio == pytest.approx(found.generator / found.discriminator)


def test_a_ratio_of_nothing():
    assert diagnostics.FieldNorms(2.0, 0.0).ratio == math.inf
    assert math.isnan(diagnostics.FieldNorms(0.0, 0.0).ratio)
    assert diagnostics.FieldNorms(0.0, 1.0).ratio == 0


def test_norms_whose_squares_underflow():
    """In float32, as after a saturated loss."""
    game = toys.bilinear(torch.full((3, 4), 1e-30))
    expected = 1e-30 * 4 * 3**0.5, 1e-30 * 3 * 4**0.5
    assert diagnostics.field_norms(game, toys.EMPTY) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cosines_of_any_size(dtype, size):
    u, w = draws(2, 3, 4)
    expected = similarity(u.flatten(), w.flatten())
    assert diagnostics.cosine((size * u).to(dtype), (w / size).to(dtype)) == pytest.approx(expected, abs=1e-6)
    assert diagnostics.cosine(size * u, w * size) == pytest.approx(expected, abs=1e-12)
    assert diagnostics.cosine(u, -size * u) == pytest.approx(-1, abs=1e-15)


def test_where_there_is_no_cosine():
    u = draws(3)
    for wrong in (0 * u, math.nan * u, torch.tensor([math.inf, 1, 1]).double()):
        assert math.isnan(diagnostics.cosine(u, wrong))
    assert math.isnan(diagnostics.cosine(u[:0], u[:0]))
    with pytest.raises(InputError, match=r"a cosine of \(3,\) and \(2,\): give tensors of one shape"):
        diagnostics.cosine(u, u[:2])


def test_a_step_of_gradient_descent_has_cosine_one():
    game, batch, _ = gan()
    start = game.point()
    Simultaneous(game, *(torch.optim.SGD(player.parameters(), lr=0.1) for player in game.players)).step(batch)
    assert diagnostics.update_cosine(game, start, game.point(), batch) == pytest.approx((1, 1), abs=1e-12)


def test_steps_of_a_small_gan():
    """Momentum, and the field at another point, by moving the game there."""
    game, batch, field = gan()
    start, move = game.point(), draws(sum(game.sizes), seed=4)
    found = diagnostics.update_cosine(game, start, start + move, batch)
    assert found == pytest.approx([similarity(a, -b) for a, b in zip(move.split(game.sizes), field, strict=True)])
    found = diagnostics.successive_cosine(game, start, start + 0.1 * move, batch)
    assert torch.equal(game.point(), start)
    game.move_to(start + 0.1 * move)
    later = game.field(batch).split(game.sizes)
    assert found == pytest.approx([similarity(a, b) for a, b in zip(field, later, strict=True)])
    assert diagnostics.successive_cosine(game, start, start, batch) == (1, 1)


def test_the_edge_of_stability():
    """x^2/2 a and steps h: the gradient becomes 1 - h a times itself, so its cosine is the sign of that."""
    game, point = toys.quadratic(a=2.0, b=0.5, c=0.0), torch.ones(2).double()
    for rate, expected in ((0.4, (1, 1)), (0.6, (-1, 1)), (2.1, (-1, -1))):
        end = point - rate * game.field(toys.EMPTY)
        assert diagnostics.successive_cosine(game, point, end, toys.EMPTY) == expected


def test_a_player_that_rests_has_no_cosine():
    game = toys.quadratic(a=1.0, b=1.0, c=0.5)
    end = game.point() + torch.tensor([0.0, 1.0]).double()
    assert math.isnan(diagnostics.update_cosine(game, game.point(), end, toys.EMPTY).generator)
    assert abs(diagnostics.update_cosine(game, game.point(), end, toys.EMPTY).discriminator) == 1


@pytest.mark.parametrize("function", [diagnostics.update_cosine, diagnostics.successive_cosine])
def test_points_that_are_none_of_the_game(function):
    game = toys.dirac()
    for wrong in (torch.zeros(3).double(), torch.zeros(2)):
        with pytest.raises(InputError, match=r"end is .*: give a flat vector \(2,\)"):
            function(game, game.point(), wrong, toys.EMPTY)
    with pytest.raises(InputError, match="start and end are the same point"):
        diagnostics.update_cosine(game, game.point(), game.point(), toys.EMPTY)


def autoencoder():
    """(parameters, reconstruction loss, adversarial loss) of a small model."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    critic, samples = nn.Linear(3, 1).double(), draws(6, 3)
    made = model(samples)
    return model, (made - samples).square().mean(), -critic(made).mean()


def test_losses_of_one_model():
    model, first, second = autoencoder()
    flat = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)])
        for loss in (first, second)
    ]
    expected = similarity(*flat)
    assert diagnostics.loss_cosine(first, second, model.parameters()) == pytest.approx(expected, abs=1e-12)
    last = model[2].weight
    by_last = (torch.autograd.grad(loss, last, retain_graph=True)[0].flatten() for loss in (first, second))
    assert diagnostics.loss_cosine(first, second, last) == pytest.approx(similarity(*by_last), abs=1e-12)
    assert all(p.grad is None for p in model.parameters())
    (first + second).backward()  # the graphs are still there


def test_losses_that_share_only_some_parameters():
    """Of the others the gradient is zero."""
    a, b, c = (torch.tensor([value], requires_grad=True) for value in (1.0, 2.0, 3.0))
    first, second = (3 * a + 4 * b).sum(), (5 * a + 12 * c).sum()
    assert diagnostics.loss_cosine(first, second, [a, b, c]) == pytest.approx(3 / 5 * 5 / 13)
    assert math.isnan(diagnostics.loss_cosine(first, second, b))


def test_losses_without_a_gradient():
    model, first, second = autoencoder()
    still = torch.zeros(())  # as in a warm-up
    for pair in ((first, still), (still, first)):
        assert math.isnan(diagnostics.loss_cosine(*pair, model.parameters()))
    for pair in ((still, still), (first, second)):
        with pytest.raises(InputError, match="neither loss depends on the parameters"):
            diagnostics.loss_cosine(*pair, torch.zeros(3, requires_grad=True))
    with pytest.raises(InputError, match="neither loss depends on the parameters"):
        diagnostics.loss_cosine(first, second, [])
    with pytest.raises(InputError, match=r"a loss is \(2,\): give scalars"):
        diagnostics.loss_cosine(first, torch.stack([first, second]), model.parameters())
