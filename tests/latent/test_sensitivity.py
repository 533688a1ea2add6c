"""Sensitive directions. Oracles: dense jacrev and eigendecomposition in float64; a linear generator's own SVD."""

import math

import pytest
import torch

from generators import dense, generator
from nablagan.latent import condition_number, leading_directions, sensitive_directions
from nablagan.types import InputError

MATRIX = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
TURN = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]


def linear(latent, label=None):
    """Singular values 3, 2, 0.5 and right singular vectors the rows 0, 2, 1 of TURN."""
    return latent @ TURN.to(latent).T @ MATRIX.to(latent).T


def test_a_linear_generator_has_its_matrix_s_own():
    found = sensitive_directions(linear, torch.randn(1, 3, dtype=torch.float64), count=2)
    expected = torch.tensor([3.0, 2.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(found.singular_values, expected, rtol=1e-13, atol=0)
    assert found.most_values.tolist() == found.singular_values[:2].tolist()
    assert found.least_values.tolist() == found.singular_values.flip(0)[:2].tolist()
    for direction, row in zip([*found.most, found.least[0]], (0, 2, 1), strict=True):
        torch.testing.assert_close(direction @ TURN[row], torch.sign(direction @ TURN[row]), rtol=1e-12, atol=0)
    assert found.products == 3
    assert condition_number(linear, torch.randn(2, 3, dtype=torch.float64)).tolist() == pytest.approx([6.0, 6.0])


def test_local_and_averaged_directions_are_those_of_the_dense_matrix(case):
    net, z, y = case
    for rows in (slice(0, 1), slice(None)):
        found = sensitive_directions(net, z[rows], None if y is None else y[rows], count=3)
        jacobians = dense(net, z[rows], None if y is None else y[rows])
        values, vectors = torch.linalg.eigh((jacobians.mT @ jacobians).mean(0))
        torch.testing.assert_close(found.singular_values, values.flip(0).clamp(min=0).sqrt(), rtol=1e-7, atol=1e-7)
        together = found.most @ vectors.flip(1)[:, :3], found.least @ vectors[:, :3]
        for products in together:
            torch.testing.assert_close(products.abs(), torch.eye(3).double(), rtol=1e-6, atol=1e-6)
        everything = torch.cat([found.most, found.least.flip(0)])
        torch.testing.assert_close(everything @ everything.T, torch.eye(6).double(), rtol=1e-10, atol=1e-10)
        assert found.products == len(z[rows]) * 6


def test_the_value_is_the_length_of_the_derivative_image(case):
    net, z, y = case
    found = sensitive_directions(net, z, y, count=1)
    lengths = torch.einsum("nij,j->ni", dense(net, z, y), found.least[0]).norm(dim=1)
    assert lengths.square().mean().sqrt().item() == pytest.approx(found.least_values[0].item(), rel=1e-8)


def test_leading_directions_come_near_the_exact_ones_with_iterations_and_are_exact_at_full_width():
    net, z = generator("mlp", latent_size=40), torch.randn(3, 40, dtype=torch.float64)
    exact = sensitive_directions(net, z, count=3)
    errors = []
    for iterations in (0, 2, 20):
        found = leading_directions(net, z, count=3, oversampling=3, iterations=iterations)
        errors.append(1 - (found.directions @ exact.most.T).diag().abs().min().item())
        assert found.products == 3 * 6 * (2 * iterations + 1)
        assert bool((found.singular_values <= exact.most_values + 1e-12).all())  # Courant and Fischer
        torch.testing.assert_close(found.directions @ found.directions.T, torch.eye(3).double())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3 * errors[0]
    full = leading_directions(net, z, count=3, oversampling=40)
    torch.testing.assert_close(full.directions, exact.most, rtol=1e-10, atol=1e-10)
    assert full.products == 3 * 40


def test_seeds_and_signs_are_settled():
    net, z = generator("dcgan"), torch.randn(2, 6, dtype=torch.float64)
    first, second = (leading_directions(net, z, count=2, oversampling=1, seed=4) for _ in range(2))
    torch.testing.assert_close(first.directions, second.directions, rtol=0, atol=1e-12)
    other = leading_directions(net, z, count=2, oversampling=1, seed=5)
    assert not torch.allclose(first.directions, other.directions, rtol=0, atol=1e-9)
    for row in sensitive_directions(net, z, count=6).most:
        assert row[row.abs().argmax()] > 0


def test_fewer_values_than_latents_leave_directions_that_do_nothing():
    """Points in the plane from six numbers: four of the directions at least change nothing."""
    net = torch.nn.Linear(6, 2, dtype=torch.float64)
    found = sensitive_directions(lambda z, label: net(z), torch.randn(1, 6, dtype=torch.float64), count=4)
    assert found.singular_values[2:].tolist() == [0] * 4
    torch.testing.assert_close(found.least @ net.weight.detach().T, torch.zeros(4, 2).double(), rtol=0, atol=1e-14)
    torch.testing.assert_close(found.least @ found.least.T, torch.eye(4).double())
    assert condition_number(lambda z, label: net(z), torch.randn(2, 6, dtype=torch.float64)).tolist() == [math.inf] * 2


def test_float32_keeps_small_values():
    """A Gram matrix in float32 would lose what is below 3e-4 of the largest value."""
    scales = torch.tensor([1.0, 1e-2, 1e-5])
    found = sensitive_directions(lambda z, label: z * scales, torch.randn(2, 3), count=1)
    assert found.singular_values.tolist() == pytest.approx(scales.tolist(), rel=1e-5)
    assert (found.most.dtype, found.singular_values.dtype) == (torch.float32, torch.float64)
    assert condition_number(lambda z, label: z * scales, torch.randn(1, 3)).item() == pytest.approx(1e5, rel=1e-4)


@pytest.mark.parametrize("function", [sensitive_directions, leading_directions])
@pytest.mark.parametrize("count", [0, 7])
def test_wrong_counts(function, count):
    with pytest.raises(InputError, match=f"count is {count}: give 1 to 6, the size of the latent"):
        function(generator("mlp"), torch.randn(1, 6, dtype=torch.float64), count=count)


def test_wrong_settings_of_the_randomised_way():
    with pytest.raises(InputError, match="iterations is -1"):
        leading_directions(linear, torch.randn(1, 3), count=1, iterations=-1)
