"""Noise and random directions against their closed-form means and variances, within four standard errors."""

import math

import pytest
import torch

from nablagan import penalties
from nablagan.types import InputError, Pair
from slopes import assert_near, draws, gradient, net, pair_of, slope

COUNT, SIZE = 40_000, 6
SLOPE = torch.tensor([2.0, -1.0, 0.5, 0.3, 1.0, -0.2]).double()
SQUARE = SLOPE.square().sum().item()
KEYS = draws(COUNT, 2, seed=9)
MANY = Pair(torch.zeros(COUNT, SIZE).double(), torch.zeros(COUNT, SIZE).double(), key=KEYS)


def assert_mean(values, expected):
    error = values.std().item() / math.sqrt(len(values))
    assert abs(values.mean().item() - expected) < 4 * error + 1e-12


def linear(x, label):
    return x @ SLOPE


VARIANCES = {
    (penalties.gaussian, 1): 2.0,
    (penalties.gaussian, 4): 0.5,
    (penalties.rademacher, 1): 2 * (1 - SLOPE.pow(4).sum().item() / SQUARE**2),
    (penalties.orthonormal, 1): 2 * (SIZE - 1) / (SIZE + 2),
    (penalties.orthonormal, 3): 2 * (SIZE - 3) / (3 * (SIZE + 2)),
}


@pytest.mark.parametrize(
    ("distribution", "directions"), VARIANCES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_estimates_have_the_mean_and_variance_of_the_closed_form(distribution, directions):
    method = penalties.random_jvp(directions, distribution)
    squares = 2 * penalties.r1(linear, MANY, method) / SQUARE
    assert_mean(squares, 1.0)
    assert_mean((squares - 1).square(), VARIANCES[distribution, directions])


def test_as_many_orthonormal_directions_as_dimensions_are_exact():
    discriminator, pair = net(), pair_of()
    method = penalties.random_jvp(5, penalties.orthonormal)
    expected, found = slope(discriminator, pair.real).square().sum(1) / 2, penalties.r1(discriminator, pair, method)
    assert_near(found, expected, 1e-10)
    assert_near(gradient(found, discriminator), gradient(expected, discriminator), 1e-10)
    with pytest.raises(InputError, match="6 orthonormal directions in 5 dimensions: give at most 5"):
        penalties.r1(discriminator, pair, penalties.random_jvp(6, penalties.orthonormal))


def test_the_bias_of_a_random_difference_is_the_curvature():
    """D = x^T A x / 2 + g^T x at 0: E = ||g||^2 + sigma^2 ((tr A)^2 + 2 ||A||_F^2) / 4, exactly."""
    root, sigma = draws(SIZE, SIZE, seed=4), 0.5
    matrix = (root + root.T) / 2
    bias = sigma**2 / 4 * (matrix.trace().square() + 2 * matrix.square().sum()).item()
    found = penalties.r1(lambda x, label: (x @ matrix * x).sum(1) / 2 + x @ SLOPE, MANY, penalties.random_fd(sigma))
    assert_mean(2 * found, SQUARE + bias)
    assert bias > 0.1 * SQUARE


def test_the_parameter_gradient_is_unbiased():
    """In the slope of a linear discriminator: the mean of 2 v v^T g is 2 g; both logits of a difference pass it."""
    numbered = MANY._replace(label=torch.arange(COUNT))
    for method in (penalties.random_jvp(), penalties.random_fd(0.3)):
        weight = SLOPE.expand(COUNT, SIZE).clone().requires_grad_()
        value = penalties.r1(lambda x, label, w=weight: (x * w[label]).sum(1), numbered, method)
        for column, expected in zip(torch.autograd.grad(value.sum(), weight)[0].unbind(1), SLOPE, strict=True):
            assert_mean(column, expected.item())


def test_uniform_and_normal_draws_look_like_it():
    values = penalties.uniform(MANY, 3, 1)
    assert 0 < values.min() < values.max() < 1
    for k in (1, 2, 3):
        assert_mean(values[:, 0].pow(k), 1 / (k + 1))
        assert_mean(penalties.normal(MANY, 3, 1)[:, 2].pow(k), (0, 1, 0)[k - 1])
    for one, other in ((values[:, 0], values[:, 1]), (values[:, 0], penalties.uniform(MANY, 3, 2)[:, 0])):
        assert_mean((one - 0.5) * (other - 0.5), 0.0)
    assert_mean((values[1:, 0] - 0.5) * (values[:-1, 0] - 0.5), 0.0)
    ordered = Pair(MANY.real, MANY.fake, key=torch.arange(COUNT).unsqueeze(1))
    assert_mean((penalties.uniform(ordered, 1, 1)[1:, 0] - 0.5) * (penalties.uniform(ordered, 1, 1)[:-1, 0] - 0.5), 0.0)


def test_the_generator_is_the_published_one():
    """SplitMix64 from seed 0 begins with these numbers; a name is a hash of the key, so ours starts elsewhere."""
    from nablagan.penalties.noise import _GOLDEN, _mixed

    found = _mixed(torch.arange(1, 4) * _GOLDEN).tolist()
    assert [n % 2**64 for n in found] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_same_pair_draws_the_same_noise_whole_or_in_parts(dtype):
    key = KEYS[:6].to(dtype)
    whole, parts = ([penalties.normal(Pair(k, k, key=k), 5, 3) for k in keys] for keys in ([key], [key[:2], key[2:]]))
    assert torch.equal(whole[0], torch.cat(parts))
    torch.randn(3)
    assert torch.equal(whole[0], penalties.normal(Pair(key, key, key=key), 5, 3))


def test_a_pair_without_a_key_is_refused():
    with pytest.raises(InputError, match=r"give Pair\(\.\.\., key=batch\.latent\)"):
        penalties.wgan_gp(linear, MANY._replace(key=None))
