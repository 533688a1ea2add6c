"""Ways to the slope against plain double backward, closed forms, and a game's derivatives against the oracle."""

from functools import partial

import pytest
import torch
from torch import nn

from cases import METHODS
from nablagan import losses, penalties
from nablagan.players import spectral_normalised
from nablagan.tasks import generation
from nablagan.types import InputError, Pair
from oracle import Oracle, assert_products, batch_for, plain_game, tiny
from slopes import ComposedLayerNorm, assert_near, draws, gradient, net, norms, pair_of, slope

PRECISION = {
    penalties.double_backward: 1e-10,
    penalties.aligned_jvp: 1e-10,
    penalties.aligned_fd: 1e-4,
    penalties.aligned_central_fd: 1e-7,
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


@every_method
@pytest.mark.parametrize("inside", norms().values(), ids=norms().keys())
def test_values_and_gradients_are_those_of_double_backward(method, inside):
    discriminator, pair = net(*inside), pair_of()
    between = penalties.interpolated(pair).images
    cases = [
        (penalties.r1, lambda n: n.square() / 2, pair.real),
        (penalties.r2, lambda n: n.square() / 2, pair.fake),
        (penalties.wgan_gp, lambda n: (n - 1).square() / 2, between),
        (penalties.dragan, lambda n: (n - 1).square() / 2, penalties.perturbed(pair).images),
    ]
    for penalty, of_norm, x in cases:
        expected, found = of_norm(slope(discriminator, x).norm(dim=1)), penalty(discriminator, pair, method=method)
        assert found.shape == (4,)
        assert_near(found, expected, PRECISION[method])
        assert_near(gradient(found, discriminator), gradient(expected, discriminator), PRECISION[method])


@every_method
def test_products_of_a_game_are_those_of_r1_and_r2(method):
    """The direction moves with the point there: with a constant one the Jacobian would lack a term."""
    players, batch = tiny("dcgan"), batch_for("dcgan")
    weights = {penalties.r1: 0.7, penalties.r2: 1.3}
    chosen = {partial(penalty, method=method): weight for penalty, weight in weights.items()}
    game = generation(*players, losses.relativistic, chosen)
    assert_products(game, batch, Oracle(*players, losses.relativistic, weights, batch), PRECISION[method])
    live = game.discriminator_gradient(batch, game.generate(batch)).tensors
    assert_near(torch.cat([t.flatten() for t in live]), game.field(batch)[game.sizes[0] :], PRECISION[method])


@every_method
def test_products_of_one_centred_penalties_against_differences(method):
    weights = {partial(penalties.wgan_gp, method=method): 3.0, penalties.centring: 0.5}
    game, batch = plain_game(nn.LayerNorm(6), weights=weights), batch_for("mlp", 5)
    here, u, fields, step = game.point(), draws(sum(game.sizes), seed=7), [], 1e-5
    jacobian = game.jacobian(batch)
    for sign in (1, -1):
        game.move_to(here + sign * step * u)
        fields.append(game.field(batch))
    noise = 1e-3 if method is penalties.aligned_fd else 1e-5  # of the field itself, eps / its step, over this step
    assert_near(jacobian @ u, (fields[0] - fields[1]) / (2 * step), noise)


@every_method
def test_norms_are_each_samples_own_over_all_its_axes(method):
    pair = Pair(draws(3, 2, 4, 5), draws(3, 2, 4, 5, seed=2), torch.arange(3))
    scales = torch.tensor([0.1, 1.0, 10.0]).double()
    found = penalties.one_centred(lambda x, label: scales[label] * x.flatten(1).sum(1), pair, method=method)
    torch.testing.assert_close(found, (scales * 40**0.5 - 1).square() / 2, rtol=1e-9, atol=0)


@every_method
def test_a_flat_discriminator_has_finite_penalties_and_gradients(method):
    weight = torch.zeros(5).double().requires_grad_()
    for penalty, value in ((penalties.r1, 0.0), (penalties.wgan_gp, 0.5)):
        found = penalty(lambda x, label: x @ weight, pair_of(), method=method)
        assert found.tolist() == [value] * 4
        assert torch.autograd.grad(found.mean(), weight)[0].tolist() == [0.0] * 5


@pytest.mark.parametrize(("method", "sides"), [(penalties.aligned_central_fd, 2), (penalties.aligned_fd, 1)])
def test_in_live_steps_the_sides_wait_for_the_backward_pass(method, sides):
    """No graph of the direction is kept, else the gradient would pass through it; none of the sides, for memory."""
    discriminator, pair, seen = net(), pair_of(), []
    discriminator.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    value = penalties.r1(discriminator, pair, method)
    assert len(seen) == 1
    torch.testing.assert_close(value, slope(discriminator, pair.real).square().sum(1) / 2, rtol=1e-12, atol=0)
    seen.clear()
    gradient(value, discriminator)
    assert len(seen) == sides
    assert not any(images.requires_grad for images in seen)
    value = penalties.r1(discriminator, pair, method)
    with pytest.raises(InputError, match="no second derivative outside of a game's products"):
        torch.autograd.grad(value.sum(), discriminator.body[0].weight, create_graph=True)


@pytest.mark.parametrize("method", [penalties.aligned_central_fd, penalties.aligned_fd])
def test_weights_moved_before_the_backward_pass_are_noticed(method):
    discriminator = net()
    value = penalties.r1(discriminator, pair_of(), method)
    with torch.no_grad():
        discriminator.body[0].weight.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradient(value, discriminator)


@pytest.mark.parametrize("method", [penalties.aligned_central_fd, penalties.aligned_fd])
def test_all_sides_see_one_spectral_norm(method):
    """The backward pass moves no power iteration, and the gradient is that of double backward once it has converged."""
    discriminator, pair = spectral_normalised(net()), pair_of()
    value = penalties.r1(discriminator, pair, method)
    before = [buffer.clone() for buffer in discriminator.buffers()]
    gradient(value, discriminator)
    assert all(map(torch.equal, discriminator.buffers(), before))
    assert all(part.training for part in discriminator.modules())
    for _ in range(200):
        discriminator(pair.real, None)
    found = gradient(penalties.r1(discriminator, pair, method), discriminator)
    assert_near(found, gradient(penalties.r1(discriminator, pair), discriminator), 1e-5)


def test_forward_differences_err_in_proportion_to_their_step():
    """And products of a game are those of its own difference quotient: the live gradient is half of its field."""
    discriminator, pair = net(), pair_of()
    exact = gradient(penalties.r1(discriminator, pair), discriminator)
    errors = []
    for step in (1e-3, 1e-4):
        method = partial(penalties.aligned_fd, step=step)
        errors.append((gradient(penalties.r1(discriminator, pair, method), discriminator) - exact).norm())
    assert 9 < errors[0] / errors[1] < 11
    players, batch = tiny("mlp"), batch_for("mlp")
    game = generation(*players, losses.hinge, {partial(penalties.r1, method=penalties.aligned_fd): 2.0})
    exact = generation(*players, losses.hinge, {penalties.r1: 2.0})
    assert_near(game.field(batch), exact.field(batch), 1e-6)
    live = game.discriminator_gradient(batch, game.generate(batch)).tensors
    assert_near(torch.cat([t.flatten() for t in live]), exact.field(batch)[game.sizes[0] :], 1e-6)


def test_steps_and_counts_out_of_range_are_refused():
    for ask in (
        lambda: penalties.random_fd(0.0),
        lambda: penalties.random_jvp(0),
        lambda: penalties.r1(net(), pair_of(), partial(penalties.aligned_central_fd, step=-1.0)),
    ):
        with pytest.raises(InputError, match="give"):
            ask()


@pytest.mark.parametrize("method", [penalties.random_jvp(), penalties.random_fd(0.1)])
def test_random_methods_are_refused_by_one_centred_penalties(method):
    with pytest.raises(InputError, match="cannot be estimated along random directions"):
        penalties.wgan_gp(net(), pair_of(), method)


@pytest.mark.parametrize("method", [penalties.aligned_jvp, penalties.random_jvp()])
@pytest.mark.parametrize(
    "norm", [nn.LayerNorm(8), nn.InstanceNorm1d(8), nn.BatchNorm1d(8)], ids=lambda n: type(n).__name__
)
def test_norms_that_torch_differentiates_wrongly_are_refused(method, norm):
    wrong = net(norm)
    for judge in (wrong, penalties.Remembering(wrong)):
        with pytest.raises(InputError, match=rf"the discriminator's body\.2 is a {type(norm).__name__}.*nn\.GroupNorm"):
            penalties.r1(judge, pair_of(), method)
    penalties.r1(net(ComposedLayerNorm(8), nn.BatchNorm1d(8).eval()).eval(), pair_of(), method)


def test_refused_behind_an_augmentation_and_right_in_products():
    weights = {partial(penalties.r1, method=penalties.aligned_jvp): 1.0}
    inner, batch = plain_game(nn.LayerNorm(6)), batch_for("mlp", 5)
    game = generation(*inner.players, losses.hinge, weights, augment=lambda x, batch: 2 * x)
    exact = generation(*inner.players, losses.hinge, {penalties.r1: 1.0}, augment=lambda x, batch: 2 * x)
    assert_near(game.field(batch), exact.field(batch), 1e-10)
    with pytest.raises(InputError, match=r"the discriminator's body\.1 is a LayerNorm"):
        game.discriminator_gradient(batch, game.generate(batch))


@pytest.mark.parametrize("method", [penalties.aligned_central_fd, penalties.random_fd(0.1)])
def test_active_dropout_is_refused_by_differences(method):
    with pytest.raises(InputError, match=r"the discriminator's body\.2 is a Dropout, whose masks differ"):
        penalties.r1(net(nn.Dropout(0.5)), pair_of(), method)
    penalties.r1(net(nn.Dropout(0.5)).eval(), pair_of(), method)


def test_differences_through_a_moving_spectral_norm():
    """Both sides are judged in one call: in two, the power iteration between them would be divided by the step."""
    discriminator = net(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8).double()))
    found = penalties.r1(discriminator, pair_of(), penalties.aligned_central_fd)
    assert_near(found, penalties.r1(discriminator.eval(), pair_of()), 0.1)
