"""SeFa and GANSpace. Oracles: the SVD of the weight's latent columns; for a linear layer, SeFa is GANSpace's limit."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from generators import generator
from nablagan.latent import principal_directions, weight_directions
from nablagan.types import InputError

FIRST = {"mlp": "hidden.linears.0", "dcgan": "stages.0.block.0", "r3gan": "modulation"}


class Stacked(nn.Module):
    """The layers given, one after another; the label is ignored."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, latent, label=None):
        return self.parts(latent)


def draws(count=3, size=6):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("name", FIRST)
def test_sefa_takes_the_latent_columns_of_the_first_weight(name, classes):
    net = generator(name, classes)
    found = weight_directions(net, draws(), torch.arange(3) if classes else None, count=3)
    assert found.layer == FIRST[name]
    weight = net.get_submodule(found.layer).weight.detach()
    assert weight.shape[1] == (12 if classes else 6)
    _, values, expected = torch.linalg.svd(weight[:, :6], full_matrices=False)
    torch.testing.assert_close(found.values, values[:3], rtol=1e-12, atol=0)
    torch.testing.assert_close((found.directions @ expected[:3].T).abs(), torch.eye(3).double(), rtol=1e-8, atol=1e-8)


def test_a_label_in_front_of_the_latent_and_a_transposed_convolution():
    class Front(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(3, 2, dtype=torch.float64)
            self.start = nn.ConvTranspose2d(8, 5, 4, dtype=torch.float64)

        def forward(self, latent, label):
            return self.start(torch.cat([self.embedding(label), latent], 1)[:, :, None, None]).tanh()

    torch.manual_seed(0)
    net = Front()
    found = weight_directions(net, draws(), 1, count=2)
    matrix = net.start.weight.detach()[2:].flatten(1).T
    assert found.layer == "start"
    torch.testing.assert_close(found.values, torch.linalg.svdvals(matrix)[:2], rtol=1e-12, atol=0)


def test_parametrised_weights_count_as_they_act():
    torch.manual_seed(0)
    net = Stacked(spectral_norm(nn.Linear(6, 9)), nn.Tanh(), nn.Linear(9, 4)).eval()
    found = weight_directions(net, draws().float(), count=1)
    weight = net.parts[0].weight.detach()
    assert (found.layer, found.directions.dtype) == ("parts.0", torch.float32)
    assert found.values.item() == pytest.approx(torch.linalg.svdvals(weight)[0].item(), rel=1e-5)


def test_a_latent_normalised_first_has_no_sefa():
    class Normalised(Stacked):
        def forward(self, latent, label=None):
            return super().forward(latent / latent.norm(dim=1, keepdim=True))

    with pytest.raises(InputError, match=r"parts\.0, is not linear in the latent.*principal_directions"):
        weight_directions(Normalised(nn.Linear(6, 9, dtype=torch.float64)), draws())


@pytest.mark.parametrize("function", [weight_directions, principal_directions])
def test_generators_without_layers(function):
    with pytest.raises(InputError, match="shows no layer"):
        function(lambda z, label: z, draws())
    with pytest.raises(InputError, match="no layer of the generator has weights and follows the latent"):
        function(Stacked(nn.Tanh()), draws())


@pytest.mark.parametrize("classes", [0, 3])
def test_for_a_linear_layer_ganspace_tends_to_sefa(classes):
    """The components of A z are those of A A^T, z regressed onto them lies along the right singular vectors of A."""
    net = generator("mlp", classes)
    scales = torch.tensor([3.0, 2.0, 1.0, 0.1, 0.1, 0.1], dtype=torch.float64)
    with torch.no_grad():
        net.hidden.linears[0].weight[:, :6] *= scales
    z, y = draws(20_000), torch.arange(20_000) % 3 if classes else None
    sefa = weight_directions(net, z, y, count=3)
    pca = principal_directions(net, z, y, count=3)
    assert pca.layer == sefa.layer
    assert ((sefa.directions * pca.directions).sum(1).abs() > 0.995).all()
    shares = sefa.values**2 / torch.linalg.svdvals(net.hidden.linears[0].weight.detach()[:, :6]).square().sum()
    torch.testing.assert_close(pca.values, shares, rtol=0.05, atol=0)


def test_ganspace_s_components_and_regression():
    """Oracle: numpy's SVD of the centred activations and its least squares."""
    import numpy as np

    net = generator("dcgan")
    z = draws(300)
    found = principal_directions(net, z, count=3, layer="stages.0")
    with torch.no_grad():
        start = net.start(z, None)
        activations = net.stages[0](start, start).flatten(1).numpy()
    centred = activations - activations.mean(0)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.values, values[:3] ** 2 / (values**2).sum(), rtol=1e-6)
    expected = np.linalg.lstsq(centred @ components[:3].T, z.numpy() - z.numpy().mean(0), rcond=None)[0]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    cosines = np.abs((expected * found.directions.numpy()).sum(1))
    np.testing.assert_allclose(cosines, 1, atol=1e-5)
    by_module = principal_directions(net, z, count=3, layer=net.stages[0])
    assert by_module.layer == "stages.0"
    torch.testing.assert_close(by_module.directions, found.directions, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "stage"}, "'stage' is no layer of the generator: it has start, stages"),
        ({"layer": nn.Linear(2, 2)}, "this Linear is no layer"),
        ({"count": 7}, "count is 7: give 1 to 6"),
        ({"layer": "start", "count": 6}, None),
    ],
)
def test_wrong_input(options, words):
    net = generator("dcgan")
    if words is None:  # the latent itself is a layer's output too
        assert principal_directions(net, draws(50), **options).directions.shape == (6, 6)
        return
    with pytest.raises(InputError, match=words):
        principal_directions(net, draws(50), **options)


def test_hooks_are_gone_afterwards():
    net = generator("dcgan")
    weight_directions(net, draws())
    principal_directions(net, draws(50))
    assert not any(part._forward_hooks for part in net.modules())
