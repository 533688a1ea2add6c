"""Products with the generator's Jacobian. Oracle: the dense Jacobian of jacrev, one sample at a time, in float64."""

import pytest
import torch
from torch import nn

from generators import dense, generator
from nablagan import latent as ng_latent
from nablagan.latent import derivative_image, latent_gradient
from nablagan.players import layers
from nablagan.types import InputError


def test_both_products_are_those_of_the_dense_jacobian(case):
    net, z, y = case
    jacobians = dense(net, z, y)
    u, images = torch.randn(3, 6, dtype=torch.float64), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    expected = torch.einsum("nij,nj->ni", jacobians, u)
    torch.testing.assert_close(derivative_image(net, z, u, y).flatten(1), expected, rtol=1e-10, atol=1e-12)
    expected = torch.einsum("nij,ni->nj", jacobians, images.flatten(1))
    torch.testing.assert_close(latent_gradient(net, z, images, y), expected, rtol=1e-10, atol=1e-12)
    same = derivative_image(net, z, u[0], y)
    torch.testing.assert_close(same, derivative_image(net, z, u[:1].repeat(3, 1), y), rtol=0, atol=0)


def test_float32_and_frozen_weights_give_float32_without_a_graph():
    net = generator("dcgan", dtype=torch.float32).requires_grad_(False)
    z = torch.randn(2, 6)
    image = derivative_image(net, z, torch.ones(6, dtype=torch.float64))
    assert (image.dtype, image.requires_grad) == (torch.float32, False)
    trained = generator("dcgan", dtype=torch.float32)
    assert not derivative_image(trained, z, torch.ones(6)).requires_grad
    assert not latent_gradient(trained, z, image).requires_grad
    assert all(parameter.grad is None for parameter in trained.parameters())


def test_latents_of_inference_mode_and_labels_as_one_number():
    net = generator("mlp", classes=3)
    with torch.inference_mode():
        z = torch.randn(2, 6, dtype=torch.float64)
    u = torch.ones(6, dtype=torch.float64)
    assert torch.equal(derivative_image(net, z, u, 2), derivative_image(net, z, u, torch.tensor([2, 2])))


class Attending(nn.Module):
    """Attention over four tokens, then a normalisation: fused kernels have no forward mode."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Linear(6, 32), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, latent, label=None):
        tokens = self.embed(latent).reshape(-1, 4, 8)
        return self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])


def test_attention_and_layer_norm():
    torch.manual_seed(0)
    net, z = Attending().double(), torch.randn(2, 6, dtype=torch.float64)
    u, h = torch.randn(6, dtype=torch.float64), 1e-5
    with torch.no_grad():
        expected = (net(z + h * u) - net(z - h * u)) / (2 * h)
    torch.testing.assert_close(derivative_image(net, z, u), expected, rtol=1e-7, atol=1e-9)


def test_samples_that_are_mixed_are_refused_and_eval_mode_is_not():
    net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, latent, label=None):
            return self.net(latent)

    wrapped = Wrapped()
    z, u = torch.randn(3, 6), torch.ones(6)
    with pytest.raises(InputError, match=r"net\.1 is a BatchNorm1d in training mode.*eval\(\)"):
        derivative_image(wrapped, z, u)
    assert derivative_image(wrapped.eval(), z, u).shape == (3, 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g, z: derivative_image(g, z[0], z[0]), r"give floating-point latents \(N, latent_size\)"),
        (lambda g, z: derivative_image(g, z.long(), z), "floating-point"),
        (lambda g, z: derivative_image(g, z, z[:2]), r"direction has shape \(2, 6\): give \(6,\)"),
        (lambda g, z: derivative_image(g, z, torch.ones(5)), r"direction has shape \(5,\)"),
        (lambda g, z: derivative_image(g, z, z, torch.arange(2)), r"label has shape \(2,\) for 3 latents"),
        (lambda g, z: latent_gradient(g, z, torch.ones(3, 8, 8)), r"the generator makes \(3, 1, 8, 8\)"),
        (lambda g, z: ng_latent.sensitive_directions(g, z * torch.nan), "NaN or Inf"),
        (lambda g, z: ng_latent.leading_directions(g, z * torch.nan), "NaN or Inf"),
        (lambda g, z: ng_latent.path_length(g, z, z * torch.nan), "NaN or Inf"),
    ],
)
def test_wrong_input(call, words):
    with pytest.raises(InputError, match=words):
        call(generator("mlp"), torch.randn(3, 6, dtype=torch.float64))


def test_what_has_no_forward_mode_is_told():
    class Sampled(layers.Linear):
        def forward(self, latent, label=None):
            grid = super().forward(latent).reshape(-1, 2, 2, 2)
            return nn.functional.grid_sample(torch.ones(len(latent), 1, 4, 4).to(latent), grid, align_corners=False)

    with pytest.raises(InputError, match="grid_sample, which has no forward mode"):
        derivative_image(Sampled(6, 8), torch.randn(2, 6), torch.ones(6))
