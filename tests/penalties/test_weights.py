"""The penalty on singular values against torch.linalg.svdvals and, to second order, dense differentiation."""

import pytest
import torch
from torch import nn

from nablagan import losses, penalties
from nablagan.tasks import generation
from nablagan.types import InputError, Pair
from oracle import Plain, assert_near, batch_for, plain_game, tiny
from slopes import draws, pair_of


def half_sum(weights):
    return sum(torch.linalg.svdvals(weight.flatten(1))[0].square() for weight in weights) / 2


@pytest.mark.parametrize("kind", ["mlp", "dcgan"])
def test_value_and_gradient_are_those_of_dense_singular_values(kind):
    discriminator, batch = tiny(kind)[1], batch_for(kind)
    weights = [p for p in discriminator.parameters() if p.ndim > 1]
    found = penalties.spectral_norms(discriminator, Pair(batch.real, batch.real, batch.label))
    expected = half_sum(weights)
    torch.testing.assert_close(found, expected.expand(3), rtol=1e-12, atol=0)
    pairs = zip(*(torch.autograd.grad(v.mean(), weights) for v in (found, expected)), strict=True)
    for one, other in pairs:
        assert_near(one, other, 1e-10)


def test_behind_an_augmentation_its_one_sample_has_the_draws_of_its_row():
    batch, seen = batch_for("dcgan"), []

    def augment(images, batch):
        seen.append((len(images), batch.augmentation))
        return images

    game = generation(*tiny("dcgan"), losses.hinge, {penalties.spectral_norms: 1.0}, augment)
    alone = generation(*tiny("dcgan"), losses.hinge, {penalties.spectral_norms: 1.0})
    assert torch.equal(game.field(batch), alone.field(batch))
    assert {(rows, len(draws)) for rows, draws in seen} == {(1, 1), (3, 3)}


def test_transposed_kernels_count_outputs_first_and_shared_weights_once():
    torch.manual_seed(0)
    layer, shared = nn.ConvTranspose1d(2, 3, 4), nn.Linear(3, 3)
    judge = Plain(nn.Unflatten(1, (2, 1)), layer, nn.Flatten(), nn.Unflatten(1, (4, 3)), shared, shared)
    pair = Pair(torch.ones(2, 2), torch.ones(2, 2))
    expected = half_sum([layer.weight.transpose(0, 1), shared.weight])
    torch.testing.assert_close(penalties.spectral_norms(judge, pair)[0], expected)


def test_products_are_those_of_the_hessian_of_the_singular_values():
    """The penalty's share of J u is the dense Hessian of the closed form times u; a power iteration would miss it."""
    batch = batch_for("mlp", 4)
    game = plain_game(loss=losses.hinge)
    added = generation(*game.players, losses.hinge, {penalties.spectral_norms: 1.3})
    first, last = (game.discriminator.body[i].weight for i in (0, -1))

    def closed(flat):
        parts = flat.split([first.numel(), last.numel()])
        return 1.3 * half_sum([parts[0].view_as(first), parts[1].view_as(last)])

    here = torch.cat([first.detach().flatten(), last.detach().flatten()])
    hessian, u = torch.func.hessian(closed)(here), draws(sum(game.sizes), seed=7)
    names = dict(game.discriminator.named_parameters())
    sizes = [p.numel() for p in names.values()]
    along = dict(zip(names, u[game.sizes[0] :].split(sizes), strict=True))
    expected = hessian @ torch.cat([along["body.0.weight"], along["body.2.weight"]])
    for product in (lambda g: g.jacobian(batch) @ u, lambda g: g.jacobian(batch).T @ u):
        difference = (product(added) - product(game))[game.sizes[0] :]
        found = dict(zip(names, difference.split(sizes), strict=True))
        assert_near(torch.cat([found["body.0.weight"], found["body.2.weight"]]), expected, 1e-10)


def test_without_weights_there_is_nothing_to_penalise():
    with pytest.raises(InputError, match="no weight to penalise"):
        penalties.spectral_norms(lambda x, label: x.sum(1), pair_of())
