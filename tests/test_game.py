"""The game against an independent oracle: dense matrices from plain automatic differentiation in float64.

The oracle calls the live modules and torch.autograd; it shares nothing with the game but the losses per sample.
"""

import pytest
import torch
from torch import nn

from cases import LOSSES, PENALTY_WEIGHTS, name_of
from nablagan import losses, penalties
from nablagan.data import diffaugment
from nablagan.data.augment import DRAWS
from nablagan.game import held
from nablagan.players import dcgan, mlp, r3gan
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError

SHAPES = {"mlp": (3,), "dcgan": (1, 8, 10), "r3gan": (2, 8, 10)}

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=name_of)
every_penalty = pytest.mark.parametrize("weights", PENALTY_WEIGHTS.values(), ids=PENALTY_WEIGHTS.keys())
every_kind = pytest.mark.parametrize("kind", SHAPES)


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


class Oracle:
    """Plain differentiation: losses (2,), their gradients (2, n), the field (n,) and products of its Jacobian."""

    def __init__(self, generator, discriminator, loss, weights, batch, augment=lambda images, batch: images):
        theta, psi = ([p for p in player.parameters() if p.requires_grad] for player in (generator, discriminator))
        self.parameters, size = theta + psi, sum(p.numel() for p in theta)
        samples = {
            penalties.r1: batch.real.clone().requires_grad_(),
            penalties.r2: generator(batch.latent, batch.label),
        }
        logits = {key: discriminator(augment(x, batch), batch.label) for key, x in samples.items()}
        both = [value.mean() for value in loss(*logits.values())]
        for penalty, weight in weights.items():
            (slope,) = torch.autograd.grad(logits[penalty].sum(), samples[penalty], create_graph=True)
            both[1] = both[1] + weight * slope.square().sum() / 2 / len(slope)
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


def assert_products(game, batch, expected):
    u = draws(len(expected.field), seed=7)
    jacobian = game.jacobian(batch)
    assert_near(torch.stack(tuple(game.losses(batch))), expected.losses)
    assert_near(game.field(batch), expected.field)
    assert_near(torch.stack(tuple(game.directional_derivatives(batch, u))), expected.gradients @ u)
    assert_near(jacobian.field, expected.field)
    assert_near(jacobian @ u, expected.times(u))
    assert_near(jacobian.T @ u, expected.transposed_times(u))


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


# --- nothing is moved by asking ------------------------------------------------------------------------------------


class Plain(nn.Module):
    """A user's player: nothing of ours, two arguments."""

    def __init__(self, *modules, logit=False):
        super().__init__()
        self.body, self.logit = nn.Sequential(*modules), logit

    def forward(self, given, label):
        out = self.body(given)
        return out.squeeze(1) if self.logit else out


class Counting(nn.Module):
    """Counts its calls in a buffer, like a running statistic."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x


def plain_game(*inside, loss=losses.relativistic, weights=None, generator_inside=()):
    """A game of plain modules with `inside` in the middle of the discriminator, width 6."""
    torch.manual_seed(0)
    generator = Plain(nn.Linear(2, 6), *generator_inside, nn.SiLU(), nn.Linear(6, 3))
    discriminator = Plain(nn.Linear(3, 6), *inside, nn.SiLU(), nn.Linear(6, 1), logit=True)
    return generation(generator.double(), discriminator.double(), loss=loss, penalties=weights or {})


def moving_parts():
    spectral = nn.utils.parametrizations.spectral_norm
    return {
        "spectral": ([spectral(nn.Linear(6, 6))], [spectral(nn.Linear(6, 6))], PENALTY_WEIGHTS["r1+r2"]),
        "partly evaluated": ([spectral(nn.Linear(6, 6)).eval()], [nn.Dropout().eval()], PENALTY_WEIGHTS["r1"]),
        "batch": ([nn.BatchNorm1d(6)], [nn.BatchNorm1d(6)], {}),
        "buffer": ([Counting()], [Counting()], PENALTY_WEIGHTS["r1+r2"]),
        "dropout": ([nn.Dropout()], [nn.Dropout()], PENALTY_WEIGHTS["r1+r2"]),
    }


def everything(game):
    """All that asking could move: tensors, their flags and gradients, training flags, the random state."""
    modules = [module for player in game.players for module in player.modules()]
    tensors = [t for player in game.players for t in (*player.parameters(), *player.buffers())]
    return (
        [(id(t), t.detach().clone(), t.requires_grad, t.grad) for t in tensors],
        [(id(m), m.training, sorted(vars(m))) for m in modules],
        torch.get_rng_state(),
    )


def assert_same(before, after):
    for (address, value, *flags), (address_after, value_after, *flags_after) in zip(before[0], after[0], strict=True):
        assert address == address_after
        assert torch.equal(value, value_after)
        assert flags == flags_after
    assert before[1] == after[1]
    assert torch.equal(before[2], after[2])


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


def test_held_restores_the_flags_after_an_exception():
    player = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    player[0].weight.requires_grad_(False)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), held(player):
        player(torch.zeros(1, 3))
    assert [p.requires_grad for p in player.parameters()] == [False, True, True, True]


# --- the point -----------------------------------------------------------------------------------------------------


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


# --- users' modules ------------------------------------------------------------------------------------------------


@every_penalty
def test_plain_modules_with_operations_in_place(weights):
    inside = [nn.LeakyReLU(0.2, inplace=True), nn.Linear(6, 6), nn.SiLU(inplace=True), nn.Linear(6, 6)]
    game, batch = plain_game(*inside, weights=weights), batch_for("mlp")
    expected = Oracle(*game.players, losses.relativistic, weights, batch)
    assert_products(game, batch, expected)
    gradient = game.discriminator_gradient(batch, game.generate(batch))
    assert_near(torch.cat([t.flatten() for t in gradient.tensors]), expected.field[game.sizes[0] :])


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
