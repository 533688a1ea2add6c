"""Gradient normalisation against its closed form."""

import pytest
import torch

from nablagan.interface import GradientNormalisation
from nablagan.types import InputError
from oracle import draws


def gradient(normalisation, slope, dtype=torch.float64, scale=1.0):
    """What reaches the samples from a loss that is linear in them."""
    samples = torch.zeros(slope.shape, dtype=dtype, requires_grad=True)
    (normalisation(samples, scale) * slope.to(dtype)).sum().backward()
    return samples.grad


def test_forwards_it_is_the_identity():
    samples = draws(3, 4)
    assert torch.equal(GradientNormalisation()(samples), samples)


def test_gradients_follow_the_running_mean_square():
    """scale g / sqrt(m), m = sum of decay^age n ||g||^2 over sum of decay^age, at each of five steps."""
    normalisation, slopes, decay = (
        GradientNormalisation(decay=0.9),
        [draws(3, 4, seed=k) * 10**k for k in range(5)],
        0.9,
    )
    for step, slope in enumerate(slopes):
        weights = [decay ** (step - k) for k in range(step + 1)]
        squares = [12 * float((slopes[k] ** 2).sum()) for k in range(step + 1)]
        m = sum(w * s for w, s in zip(weights, squares, strict=True)) / sum(weights)
        torch.testing.assert_close(gradient(normalisation, slope, scale=0.5), 0.5 * slope / m**0.5, rtol=1e-12, atol=0)


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("shape", [(4,), (2, 1, 5, 5), (8, 3)])
def test_alone_it_is_as_strong_as_a_mean_absolute_error(shape, factor):
    """Whose gradient has the root mean square 1 / n."""
    found = gradient(GradientNormalisation(decay=0.0), factor * draws(*shape))
    error = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (error - 1).abs().mean().backward()
    torch.testing.assert_close(found.norm(), error.grad.norm())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_squares_are_taken_in_float32(dtype):
    slope = torch.full((4, 100), 2000.0)
    normalisation = GradientNormalisation()
    found = gradient(normalisation, slope, dtype, scale=100.0)
    assert found.dtype == dtype
    assert normalisation.square.dtype == torch.float32
    torch.testing.assert_close(found.float(), torch.full((4, 100), 100 / 400), rtol=1e-2, atol=0)


def test_gradients_that_are_not_finite_pass_and_are_forgotten():
    normalisation, slope = GradientNormalisation(), draws(3, 4)
    before = gradient(normalisation, slope)
    state = normalisation.state_dict()
    assert gradient(normalisation, slope * float("inf")).isinf().all()
    assert gradient(normalisation, slope * float("nan")).isnan().all()
    assert state == normalisation.state_dict()
    torch.testing.assert_close(gradient(normalisation, slope), before)


def test_a_gradient_of_zero_stays_zero():
    normalisation, slope = GradientNormalisation(), draws(3, 4)
    assert not gradient(normalisation, 0 * slope).any()
    assert gradient(normalisation, slope).isfinite().all()


def test_its_mean_over_processes_is_that_of_the_squares():
    normalisation, slope = GradientNormalisation(mean=lambda square: 4 * square), draws(3, 4)
    torch.testing.assert_close(gradient(normalisation, slope), gradient(GradientNormalisation(), slope) / 2)


def test_state():
    first, second, slope = GradientNormalisation(), GradientNormalisation(), draws(3, 4)
    second.load_state_dict(first.state_dict())
    gradient(first, slope)
    second.load_state_dict(first.state_dict())
    assert torch.equal(gradient(first, 3 * slope), gradient(second, 3 * slope))
    with pytest.raises(InputError, match="give its own state_dict"):
        first.load_state_dict({"mean": slope})


def test_second_derivatives_are_refused():
    samples = draws(3, 4).requires_grad_()
    loss = GradientNormalisation()(samples).square().sum()
    with pytest.raises(InputError, match="leave out create_graph=True"):
        torch.autograd.grad(loss, samples, create_graph=True)
    with pytest.raises(InputError, match=r"leave it out of torch.func's transforms"):
        torch.func.grad(lambda x: GradientNormalisation()(x).square().sum())(samples)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(InputError, match=f"running mean is {decay}"):
        GradientNormalisation(decay)
