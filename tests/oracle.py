"""Plain automatic differentiation as the oracle of games, and the tiny games that it is compared on, in float64.

It calls the live modules and torch.autograd, and shares nothing with the game but the losses per sample.
"""

import torch
from torch import nn

from nablagan import losses, penalties
from nablagan.data.augment import DRAWS
from nablagan.players import dcgan, mlp, r3gan
from nablagan.tasks import generation
from nablagan.types import Batch, Pair

SHAPES = {"mlp": (3,), "dcgan": (1, 8, 10), "r3gan": (2, 8, 10)}


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tiny(kind):
    """A generator and a discriminator of a few hundred parameters, off their special starting point."""
    torch.manual_seed(0)
    shape, classes = SHAPES[kind], 0 if kind == "mlp" else 2
    if kind == "mlp":
        pair = mlp.generator(shape, latent_size=2, widths=(4,)), mlp.discriminator(shape, widths=(4,))
    elif kind == "dcgan":
        pair = (
            dcgan.generator(shape, latent_size=2, classes=classes, widths=(2, 2)),
            dcgan.discriminator(shape, classes=classes, widths=(2, 2)),
        )
    else:
        options = {"widths": (4, 2), "depth": 1, "group_size": 2}
        pair = (
            r3gan.generator(shape, latent_size=2, classes=classes, **options),
            r3gan.discriminator(shape, classes=classes, **options),
        )
    with torch.no_grad():
        for player in pair:
            for parameter in player.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return tuple(player.double() for player in pair)


def batch_for(kind, count=3):
    label = None if kind == "mlp" else torch.arange(count) % 2
    uniform = torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return Batch(draws(count, *SHAPES[kind], seed=2), draws(count, 2, seed=3), label, augmentation=uniform)


def slope_norms(judge, points):
    """|grad_x D| of each sample, by double backward."""
    (slope,) = torch.autograd.grad(judge(points.images).sum(), points.images, create_graph=True)
    return slope.flatten(1).square().sum(1).sqrt()


def spectral_norms(judge, pair):
    """Half the sum of squared largest singular values, by singular value decomposition, the same for each sample."""
    named = judge.discriminator.named_parameters()
    weights = [p.flatten(1) for name, p in named if name.endswith("weight") and p.ndim > 1]
    total = sum(torch.linalg.matrix_norm(weight, 2).square() for weight in weights) / 2
    return total.expand(len(pair.real))


PLAIN_PENALTIES = {
    penalties.spectral_norms: spectral_norms,
    penalties.r1: lambda judge, pair: slope_norms(judge, penalties.real(pair)).square() / 2,
    penalties.r2: lambda judge, pair: slope_norms(judge, penalties.fake(pair)).square() / 2,
    penalties.wgan_gp: lambda judge, pair: (slope_norms(judge, penalties.interpolated(pair)) - 1).square() / 2,
    penalties.dragan: lambda judge, pair: (slope_norms(judge, penalties.perturbed(pair)) - 1).square() / 2,
    penalties.centring: lambda judge, pair: ((judge(pair.real) + judge(pair.fake)) / 2).square() / 2,
}


class Oracle:
    """Plain differentiation: losses (2,), their gradients (2, n), the field (n,) and products of its Jacobian."""

    def __init__(self, generator, discriminator, loss, weights, batch, augment=lambda images, batch: images):
        theta, psi = ([p for p in player.parameters() if p.requires_grad] for player in (generator, discriminator))
        self.parameters, size = theta + psi, sum(p.numel() for p in theta)
        pair = Pair(batch.real.clone().requires_grad_(), generator(batch.latent, batch.label), key=batch.latent)

        def judge(x):
            return discriminator(augment(x, batch), batch.label)

        judge.discriminator = discriminator
        both = [value.mean() for value in loss(judge(pair.real), judge(pair.fake))]
        for penalty, weight in weights.items():
            both[1] = both[1] + weight * PLAIN_PENALTIES[penalty](judge, pair).mean()
        self.losses, self.gradients = torch.stack(both), torch.stack([self.gradient(value) for value in both])
        self.field = torch.cat([self.gradients[0, :size], self.gradients[1, size:]])

    def gradient(self, value):
        gradients = torch.autograd.grad(value, self.parameters, create_graph=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in gradients])

    def transposed_times(self, u):
        return self.gradient(self.field @ u)

    def times(self, u):
        """d/dw of <J^T w, u>: reverse mode twice."""
        w = torch.zeros_like(u).requires_grad_()
        return torch.autograd.grad(self.transposed_times(w) @ u, w, retain_graph=True)[0]

    def matrix(self):
        """The dense Jacobian (n, n), a row a gradient."""
        return torch.stack([self.gradient(entry) for entry in self.field])


def assert_near(found, expected, relative=1e-10):
    """In the Euclidean norm of the whole vector."""
    assert (found - expected).norm() <= relative * expected.norm(), (found - expected).norm() / expected.norm()


def assert_products(game, batch, expected, relative=1e-10):
    u = draws(len(expected.field), seed=7)
    jacobian = game.jacobian(batch)
    assert_near(torch.stack(tuple(game.losses(batch))), expected.losses, relative)
    assert_near(game.field(batch), expected.field, relative)
    assert_near(torch.stack(tuple(game.directional_derivatives(batch, u))), expected.gradients @ u, relative)
    assert_near(jacobian.field, expected.field, relative)
    assert_near(jacobian @ u, expected.times(u), relative)
    assert_near(jacobian.T @ u, expected.transposed_times(u), relative)


class Plain(nn.Module):
    """A user's player: nothing of ours, two arguments."""

    def __init__(self, *modules, logit=False):
        super().__init__()
        self.body, self.logit = nn.Sequential(*modules), logit

    def forward(self, given, label):
        out = self.body(given)
        return out.squeeze(1) if self.logit else out


def plain_game(*inside, loss=losses.relativistic, weights=None, generator_inside=()):
    """A game of plain modules with `inside` in the middle of the discriminator, width 6."""
    torch.manual_seed(0)
    generator = Plain(nn.Linear(2, 6), *generator_inside, nn.SiLU(), nn.Linear(6, 3))
    discriminator = Plain(nn.Linear(3, 6), *inside, nn.SiLU(), nn.Linear(6, 1), logit=True)
    return generation(generator.double(), discriminator.double(), loss=loss, penalties=weights or {})


def products(game, batch):
    u, jacobian = draws(sum(game.sizes), seed=7), game.jacobian(batch)
    return [
        torch.stack(tuple(game.losses(batch))),
        game.field(batch),
        torch.stack(tuple(game.directional_derivatives(batch, u))),
        jacobian.field,
        jacobian @ u,
        jacobian.T @ u,
    ]
