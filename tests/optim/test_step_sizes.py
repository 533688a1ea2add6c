"""Step sizes against the steps that torch's own optimisers make."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW, RMSprop

from nablagan import losses
from nablagan.optim import Alternating, step_sizes
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError
from oracle import batch_for, draws, tiny


def played(optimizer, count=3, dtype=torch.float64, **options):
    """(game, optimisers) after so many steps on fresh latents."""
    players = tuple(player.to(dtype) for player in tiny("mlp"))
    game = generation(*players, losses.non_saturating)
    optimizers = [
        optimizer(player.parameters(), lr=rate, **options)
        for player, rate in zip(game.players, (0.01, 0.03), strict=True)
    ]
    update, batch = Alternating(game, *optimizers), batch_for("mlp")
    for seed in range(count):
        update.step(Batch(batch.real.to(dtype), draws(3, 2, seed=seed).to(dtype)))
    return game, optimizers


def step_along(game, optimizers, gradient):
    """The move (n,) that torch's optimisers make along a flat gradient."""
    before = game.point()
    parameters = [p for player in game.players for p in player.parameters()]
    for parameter, part in zip(parameters, gradient.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter).clone()
    for optimizer in optimizers:
        optimizer.step()
    return game.point() - before


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("optimizer", [Adam, AdamW])
def test_without_momentum_a_step_of_adam_was_minus_rates_times_gradient(optimizer, amsgrad, dtype, tolerance):
    """eps is so large that leaving it out, or placing it elsewhere, shows."""
    options = {"betas": (0.0, 0.9), "eps": 1e-2, "amsgrad": amsgrad, "weight_decay": 0.0}
    game, optimizers = played(optimizer, dtype=dtype, **options)
    gradient = draws(len(game.point()), seed=9).to(dtype)
    move = step_along(game, optimizers, gradient)
    rates = step_sizes(game, *optimizers)
    assert rates.dtype == dtype
    assert rates.shape == game.point().shape
    assert ((move + rates * gradient).abs() <= tolerance * move.abs() + 1e-8 * (dtype == torch.float32)).all()


def test_of_a_steady_gradient_momentum_makes_the_same_steps():
    """beta1 = 1/2: after 60 equal gradients the mean of gradients is one of them to 1e-18."""
    game, optimizers = played(Adam, betas=(0.5, 0.9))
    gradient = draws(len(game.point()), seed=9)
    for _ in range(60):
        move = step_along(game, optimizers, gradient)
    assert torch.allclose(move, -step_sizes(game, *optimizers) * gradient, rtol=1e-9, atol=1e-14)


def test_of_sgd_they_are_its_learning_rates():
    game, optimizers = played(SGD)
    gradient = draws(len(game.point()), seed=9)
    assert torch.allclose(step_along(game, optimizers, gradient), -step_sizes(game, *optimizers) * gradient, atol=1e-15)
    assert set(step_sizes(game, *optimizers).tolist()) == {0.01, 0.03}


def test_groups_and_frozen_parameters():
    game = toys.quadratic(a=1.0, b=1.0, c=0.0)
    parameter = next(game.generator.parameters())
    frozen = torch.nn.Parameter(torch.zeros(3), requires_grad=False)
    game.generator.register_parameter("frozen", frozen)
    groups = [{"params": [frozen], "lr": 7.0}, {"params": [parameter], "lr": torch.tensor(0.5)}]
    found = step_sizes(game, SGD(groups, lr=1.0), SGD(game.discriminator.parameters(), lr=2.0))
    assert found.tolist() == [0.5, 2.0]


def test_what_is_refused():
    game = toys.quadratic(a=1.0, b=1.0, c=0.0)
    theta, psi = (list(player.parameters()) for player in game.players)
    plain = SGD(theta, lr=0.1)
    with pytest.raises(InputError, match="RMSprop are not known: use SGD, Adam or AdamW"):
        step_sizes(game, plain, RMSprop(psi))
    with pytest.raises(InputError, match="the discriminator's Adam has made no step yet"):
        step_sizes(game, plain, Adam(psi))
    with pytest.raises(InputError, match="the discriminator's optimiser maximises"):
        step_sizes(game, plain, SGD(psi, lr=0.1, maximize=True))
    with pytest.raises(InputError, match="parameters that are not the discriminator's"):
        step_sizes(game, plain, plain)
