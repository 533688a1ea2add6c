"""VQGAN's adaptive weight against its closed form on linear models."""

import pytest
import torch
from torch import nn

from nablagan import losses
from nablagan.interface import AdversarialTerm, adaptive_weight
from nablagan.types import InputError
from oracle import draws


def test_the_ratio_of_gradient_norms():
    """x W^T against c·: grad_W of mean(c·(x W^T)) is c mean(x)^T, of norm ||c|| ||mean(x)||."""
    x, layer, c, d = draws(5, 3), nn.Linear(3, 2, bias=False).double(), draws(2, seed=2), draws(2, seed=3)
    reconstruction, adversarial = (layer(x) @ c).mean(), (layer(x) @ d).mean()
    mean = float(x.mean(0).norm())
    expected = float(c.norm()) * mean / (float(d.norm()) * mean + 1e-4)
    weight = adaptive_weight(reconstruction, adversarial, layer.weight)
    assert float(weight) == pytest.approx(expected, rel=1e-12)
    assert not weight.requires_grad
    (reconstruction + weight * adversarial).backward()
    torch.testing.assert_close(layer.weight.grad, torch.outer(c + weight * d, x.mean(0)))
    assert float(adaptive_weight((layer(x) @ c).mean(), (layer(x) @ d).mean(), layer.weight, floor=0.5)) < expected


def test_the_bound():
    weight = torch.ones(3, requires_grad=True)
    unbound = adaptive_weight(0.1 * weight.sum(), 1e-9 * weight.sum(), weight)
    assert float(unbound) == pytest.approx(0.1 / (1e-9 + 1e-4 / 3**0.5), rel=1e-5)
    assert adaptive_weight(1e5 * weight.sum(), 1e-9 * weight.sum(), weight) == 1e4
    assert adaptive_weight(weight.sum(), 1e-9 * weight.sum(), weight, bound=2.0) == 2


def test_zero_while_the_discriminator_warms_up():
    model, discriminator, real = nn.Linear(3, 3), nn.Linear(3, 1), torch.randn(4, 3)
    term = AdversarialTerm(discriminator, losses.hinge, start=4)
    weights = []
    for _ in range(2):
        fake = model(real)
        weights.append(adaptive_weight((fake - real).abs().mean(), term.generator_loss(real, fake), model.weight))
        term.discriminator_loss(real, fake)
    assert weights[0] == 0 < weights[1]
    assert adaptive_weight((model(real) - real).abs().mean(), torch.zeros(()), model.weight) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-7, 1.0, 6e4])
def test_finite_in_half_precision(dtype, size):
    """Norms of 10,000 gradients near either end of float16's range."""
    weight = torch.ones(10_000, dtype=dtype, requires_grad=True)
    steep, flat = ((weight * torch.tensor(slope).to(dtype)).sum() for slope in (size, 1e-7))
    found = adaptive_weight(steep, flat, weight)
    assert found.isfinite()
    assert (found * flat).isfinite() or not flat.isfinite()
    expected = min(100 * size / (100 * 1e-7 + 1e-4), 1e4)
    assert float(found) == pytest.approx(expected, rel=0.2)


def test_wrong_input():
    weight, other = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with pytest.raises(InputError, match="does not depend on last_layer"):
        adaptive_weight(other.sum(), weight.sum(), weight)
    with pytest.raises(InputError, match="does not depend on last_layer"):
        adaptive_weight(weight.sum(), weight.sum(), torch.ones(3))
    with pytest.raises(InputError, match="bound is -1"):
        adaptive_weight(weight.sum(), weight.sum(), weight, bound=-1)
