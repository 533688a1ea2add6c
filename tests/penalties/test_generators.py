"""Penalties on the generator's Jacobian against closed forms of linear generators and dense matrices."""

from functools import partial

import pytest
import torch
from torch import nn

from cases import GENERATOR_PENALTIES, name_of
from nablagan import losses, penalties
from nablagan.tasks import generation
from nablagan.types import Batch, InputError, Pair
from oracle import Plain, assert_near, assert_products, batch_for, tiny
from slopes import draws

BATCH = Batch(draws(5, 6), draws(5, 3, seed=2))
MATRIX = draws(6, 3, seed=3)


def linear(latent, label):
    """G(z) = A z: J is A everywhere."""
    return latent @ MATRIX.T


def noise(distribution, stream, *sizes):
    return distribution(Pair(BATCH.real, BATCH.real, key=BATCH.latent), *sizes, stream)


@pytest.mark.parametrize("target", [None, 2.0])
def test_path_length_of_a_linear_generator(target):
    """||A^T y|| in closed form with the penalty's own y; points have no pixels to divide by."""
    lengths = (noise(penalties.normal, 201, 6) @ MATRIX).norm(dim=1)
    expected = (lengths - (lengths.mean() if target is None else target)).square() / 2
    torch.testing.assert_close(penalties.path_length(linear, BATCH, target), expected, rtol=1e-12, atol=0)


def test_path_length_divides_by_the_pixels_of_images_not_their_channels():
    def pictures(latent, label):
        return linear(latent, label).view(-1, 2, 1, 3)

    lengths = (noise(penalties.normal, 201, 6) @ MATRIX).norm(dim=1) / 3**0.5
    found = penalties.path_length(pictures, BATCH, 1.0)
    torch.testing.assert_close(found, (lengths - 1).square() / 2, rtol=1e-12, atol=0)


def test_mean_square_of_path_lengths_is_the_norm_of_the_jacobian():
    """E ||J^T y||^2 = ||A||_F^2 (Karras et al. 2020): within four standard errors."""
    batch = Batch(draws(4000, 6), draws(4000, 3, seed=2))
    squares = 2 * penalties.path_length(linear, batch, 0.0)
    assert abs(squares.mean() - MATRIX.square().sum()) < 4 * squares.std() / 4000**0.5


@pytest.mark.parametrize(("least", "most", "outside"), [(1.0, 20.0, 0.0), (1.0, 2.0, 1.0), (4.5, 9.0, -1.5)])
def test_clamping_is_the_distance_from_the_range(least, most, outside):
    """Three times an isometry stretches every step by 3."""
    isometry = torch.linalg.qr(MATRIX)[0]
    found = penalties.jacobian_clamping(lambda z, label: 3 * z @ isometry.T, BATCH, least, most, step=0.1)
    torch.testing.assert_close(found, torch.full((5,), outside**2 / 2).double(), rtol=1e-9, atol=1e-12)


def test_orthogonal_jacobian_of_a_linear_generator():
    """A quarter of the variance of v^T A^T A v; its mean over many draws is half the off-diagonal's squared norm."""
    gram = MATRIX.T @ MATRIX
    signs = noise(penalties.rademacher, 203, 4, 3)
    expected = torch.einsum("bki,ij,bkj->bk", signs, gram, signs).var(1) / 4
    found = penalties.orthogonal_jacobian(linear, BATCH, 4)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    many = penalties.orthogonal_jacobian(linear, Batch(draws(4000, 6), draws(4000, 3, seed=2)))
    half = (gram - gram.diag().diag()).square().sum() / 2
    assert abs(many.mean() - half) < 4 * many.std() / 4000**0.5
    columns = torch.linalg.qr(MATRIX)[0] * torch.tensor([1.0, 2, 3]).double()
    assert penalties.orthogonal_jacobian(lambda z, label: z @ columns.T, BATCH).max() < 1e-20


@pytest.mark.parametrize("inside", [nn.Tanh(), nn.LayerNorm(6)], ids=["tanh", "layer norm"])
def test_products_with_the_jacobian_of_a_deep_generator(inside):
    """J by torch.func.jacrev, dense, for each sample."""
    torch.manual_seed(0)
    generator = Plain(nn.Linear(3, 6), inside, nn.Linear(6, 6), nn.Tanh()).double()
    one = lambda z: generator(z.unsqueeze(0), None)[0]  # noqa: E731
    dense = torch.stack([torch.func.jacrev(one)(z) for z in BATCH.latent])
    y, signs = noise(penalties.normal, 201, 6), noise(penalties.rademacher, 203, 2, 3)
    lengths = torch.einsum("bij,bi->bj", dense, y).norm(dim=1)
    assert_near(penalties.path_length(generator, BATCH, 1.0), (lengths - 1).square() / 2, 1e-12)
    squares = torch.einsum("bij,bkj->bki", dense, signs).square().sum(2)
    assert_near(penalties.orthogonal_jacobian(generator, BATCH), squares.var(1) / 4, 1e-10)


class Added:
    """The oracle of the whole game: plain reverse passes over both losses, penalties evaluated on the live modules."""

    def __init__(self, players, batch, weights):
        generator, discriminator = players
        theta, psi = ([*player.parameters()] for player in players)
        self.parameters = theta + psi
        judge = lambda x: discriminator(x, batch.label)  # noqa: E731
        loss = losses.relativistic(judge(batch.real), judge(generator(batch.latent, batch.label)))
        first = loss.generator.mean() + sum(w * p(generator, batch).mean() for p, w in weights.items())
        both = [first, loss.discriminator.mean()]
        self.losses, size = torch.stack(both), sum(p.numel() for p in theta)
        self.gradients = torch.stack([self.gradient(value) for value in both])
        self.field = torch.cat([self.gradients[0, :size], self.gradients[1, size:]])

    def gradient(self, value):
        found = torch.autograd.grad(value, self.parameters, create_graph=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in found])

    def times(self, u):
        """A row a gradient where the net is small, else reverse mode twice."""
        if len(u) < 100:
            return torch.stack([self.gradient(entry) for entry in self.field]) @ u
        w = torch.zeros_like(u).requires_grad_()
        return torch.autograd.grad(self.transposed_times(w) @ u, w, retain_graph=True)[0]

    def transposed_times(self, u):
        return self.gradient(self.field @ u)


@pytest.mark.parametrize("penalty", GENERATOR_PENALTIES, ids=name_of)
@pytest.mark.parametrize("kind", ["mlp", "dcgan"])
def test_a_games_derivatives_against_a_dense_jacobian(penalty, kind):
    """The clamp is drawn tight, so that it is active."""
    if penalty is penalties.jacobian_clamping:
        penalty = partial(penalty, least=5.0, most=6.0)
    players, batch = tiny(kind), batch_for(kind)
    game = generation(*players, losses.relativistic, generator_penalties={penalty: 0.7})
    assert_products(game, batch, Added(players, batch, {penalty: 0.7}))
    live = game.generator_gradient(batch, game.generate(batch))
    assert_near(torch.cat([t.flatten() for t in live.tensors]), game.field(batch)[: game.sizes[0]], 1e-12)
    measure = live.measures[f"penalty_{penalties.name_of(penalty)}"]
    assert_near(measure, penalty(players[0], batch).mean().detach(), 1e-12)


def test_they_belong_to_the_generator_and_weights_may_follow_the_images_seen():
    players, batch = tiny("mlp"), batch_for("mlp")
    plain = generation(*players, losses.relativistic)
    twice, fixed = (
        generation(*players, losses.relativistic, generator_penalties={penalties.path_length: w})
        for w in (lambda seen: 0.1 * seen, 2.0)
    )
    theta = plain.sizes[0]
    assert torch.equal(plain.field(batch)[theta:], fixed.field(batch)[theta:])
    assert not torch.equal(plain.field(batch)[:theta], fixed.field(batch)[:theta])
    assert torch.equal(twice.field(batch._replace(images_seen=20)), fixed.field(batch))
    assert torch.equal(fixed.field(batch), fixed.field(batch))


def test_wrong_requests_are_refused():
    for ask in (
        lambda: penalties.jacobian_clamping(linear, BATCH, least=2.0, most=1.0),
        lambda: penalties.jacobian_clamping(linear, BATCH, step=0.0),
        lambda: penalties.orthogonal_jacobian(linear, BATCH, 1),
    ):
        with pytest.raises(InputError, match="give"):
            ask()
    with pytest.raises(InputError, match=r"the generator's body\.1 is a Dropout.*or use path_length"):
        penalties.jacobian_clamping(Plain(nn.Linear(3, 6), nn.Dropout()).double(), BATCH)
    coupled = Plain(nn.Linear(3, 6), nn.BatchNorm1d(6))
    with pytest.raises(InputError, match=r"the generator's body\.1 is a batch normalisation"):
        generation(coupled, nn.Linear(6, 1), losses.hinge, generator_penalties={penalties.path_length: 1.0})


@pytest.mark.parametrize("penalty", GENERATOR_PENALTIES, ids=name_of)
def test_a_flat_generator_has_finite_penalties_and_gradients(penalty):
    weight = torch.zeros(6, 3).double().requires_grad_()
    value = penalty(lambda z, label: z @ weight.T, BATCH)
    assert value.shape == (5,)
    assert bool(torch.autograd.grad(value.mean(), weight)[0].isfinite().all())
