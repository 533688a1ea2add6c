"""Penalties against closed forms on a quadratic discriminator and against plain double backward."""

from inspect import isfunction, signature

import pytest
import torch

from cases import PENALTIES, PENALTY_WEIGHTS, name_of
from nablagan import losses, penalties
from nablagan.penalties import Remembering, half_squared_norm
from nablagan.players import dcgan, mlp, r3gan
from nablagan.types import Pair

every_penalty = pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2], ids=name_of)
both_weights = PENALTY_WEIGHTS["r1+r2"]


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def is_penalty(value):
    """A function whose first arguments are those of a penalty."""
    return isfunction(value) and list(signature(value).parameters)[:2] == ["discriminator", "pair"]


def samples(penalty, pair):
    """Where the penalty looks."""
    return {penalties.r1: pair.real, penalties.r2: pair.fake}[penalty]


class Counted:
    """A discriminator that counts the samples it judges."""

    def __init__(self, discriminator):
        self.discriminator, self.calls = discriminator, 0

    def __call__(self, images, label):
        self.calls += 1
        return self.discriminator(images, label)


def test_every_penalty_is_in_the_table():
    named = {value for name, value in vars(penalties).items() if name in penalties.__all__ and is_penalty(value)}
    assert named == {penalties.zero_centred, penalties.one_centred, penalties.consistency, *PENALTIES}


@every_penalty
@pytest.mark.parametrize("remembering", [False, True])
def test_closed_form_on_a_quadratic_discriminator(penalty, remembering):
    """D(x) = x^T A x / 2 + b^T x with symmetric A: the gradient is A x + b, the penalty half its squared norm."""
    root, b = draws(3, 3).requires_grad_(), draws(3, seed=2).requires_grad_()
    matrix = root + root.T
    pair = Pair(draws(5, 3, seed=3), draws(5, 3, seed=4))

    def discriminator(x, label):
        return (x @ matrix * x).sum(1) / 2 + x @ b

    found = penalty(Remembering(discriminator) if remembering else discriminator, pair)
    expected = (samples(penalty, pair) @ matrix + b).square().sum(1) / 2
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    for one, other in zip(
        torch.autograd.grad(found.sum(), (root, b), retain_graph=True),
        torch.autograd.grad(expected.sum(), (root, b)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@every_penalty
@pytest.mark.parametrize("module", [mlp, dcgan, r3gan], ids=["mlp", "dcgan", "r3gan"])
def test_values_and_gradients_of_plain_double_backward(penalty, module):
    torch.manual_seed(0)
    discriminator = module.discriminator((2, 8, 10), classes=2, size="tiny").double()
    pair = Pair(draws(3, 2, 8, 10), draws(3, 2, 8, 10, seed=2), torch.tensor([0, 1, 1]))
    x = samples(penalty, pair).clone().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x, pair.label).sum(), x, create_graph=True)
    expected, found = slope.flatten(1).square().sum(1) / 2, penalty(discriminator, pair)
    assert found.shape == (3,)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    parameters = list(discriminator.parameters())
    for one, other in zip(
        torch.autograd.grad(found.mean(), parameters, materialize_grads=True),
        torch.autograd.grad(expected.mean(), parameters, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@every_penalty
def test_the_penalty_looks_at_its_own_samples_only(penalty):
    pair = Pair(draws(4, 3), draws(4, 3, seed=2))
    zeros = torch.zeros(4, 3).double()
    other = Pair(pair.real, zeros) if penalty is penalties.r1 else Pair(zeros, pair.fake)

    def discriminator(x, label):
        return x.square().sum(1)

    assert torch.equal(penalty(discriminator, pair), penalty(discriminator, other))


def test_labels_reach_the_discriminator():
    pair = Pair(draws(4, 3), draws(4, 3, seed=2), torch.tensor([0, 1, 2, 3]))
    for penalty in both_weights:
        found = penalty(lambda x, label: label * x.sum(1), pair)
        torch.testing.assert_close(found, 1.5 * pair.label.double().square())


def discriminator_loss(judge, pair):
    """The relativistic loss with R1 and R2, as the generation task states it."""
    total = losses.relativistic(judge(pair.real, pair.label), judge(pair.fake, pair.label)).discriminator
    return total + sum(weight * penalty(judge, pair) for penalty, weight in both_weights.items())


def test_remembering_changes_no_value_and_no_gradient_and_saves_two_of_four_calls():
    torch.manual_seed(0)
    discriminator = dcgan.discriminator((1, 8, 10), classes=2, size="tiny").double()
    pair = Pair(draws(3, 1, 8, 10), draws(3, 1, 8, 10, seed=2), torch.tensor([0, 1, 1]))
    results, calls = [], []
    for wrap in (Remembering, lambda judge: judge):
        counted = Counted(discriminator)
        total = discriminator_loss(wrap(counted), pair)
        results.append((total, *torch.autograd.grad(total.mean(), list(discriminator.parameters()))))
        calls.append(counted.calls)
    assert calls == [2, 4]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_remembering_tells_tensors_and_labels_apart():
    counted = Counted(lambda x, label: x.sum(1) + label)
    judge, x = Remembering(counted), draws(2, 3)
    first, second = torch.tensor([0, 1]), torch.tensor([5, 5])
    assert torch.equal(judge(x, first), x.sum(1) + first)
    assert torch.equal(judge(x, second), x.sum(1) + second)
    assert torch.equal(judge(2 * x, first), (2 * x).sum(1) + first)
    assert torch.equal(judge(x, first), x.sum(1) + first)
    assert counted.calls == 3


def test_half_squared_norm_is_per_sample():
    gradient = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
    assert half_squared_norm(gradient).tolist() == [12.5, 2.0]
