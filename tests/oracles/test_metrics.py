"""Metrics against torch-fidelity, torchmetrics, prdc, POT and vendi-score, on the same random and real features.

Their own downloads and image libraries take no part: the features are given.
"""

import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch

from features import digits, gaussians
from nablagan import metrics
from nablagan.metrics.sliced import directions

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
RELATIVE = 1e-6


@pytest.fixture
def torch_fidelity(monkeypatch):
    """With an empty torchvision where there is none: it is imported, and nothing of it is used here."""
    if "torchvision" not in sys.modules:
        names = "torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"
        for name in names:
            parent, _, last = name.rpartition(".")
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
            if parent:
                setattr(sys.modules[parent], last, sys.modules[name])
        for name in ("CIFAR10", "CIFAR100", "STL10"):
            setattr(sys.modules["torchvision.datasets"], name, type(name, (), {}))
    return import_module("torch_fidelity")


def real_features():
    """40 random projections of digits, half of them of the first ones: a real and a damaged half, 400 and 300."""
    lines = gaussians(784, 40, 5) / 28
    return digits()[:400] @ lines / 64, (digits()[400:700] * 0.8 + 20) @ lines / 64


PAIRS = {
    "gaussians": lambda: (gaussians(300, 16, 1), gaussians(250, 16, 2, mean=0.2, scale=0.9)),
    "equal counts": lambda: (gaussians(200, 16, 1), gaussians(200, 16, 2, mean=0.2, scale=0.9)),
    "digits": real_features,
    "fewer than dimensions": lambda: (gaussians(30, 64, 1), gaussians(40, 64, 2, mean=0.2, scale=0.9)),
}
every_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())


@every_pair
def test_frechet_distance_is_torch_fidelitys(torch_fidelity, pair):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(features) for features in pair()]
    expected = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    assert metrics.frechet_distance(*pair()) == pytest.approx(expected, rel=RELATIVE)


@every_pair
def test_kernel_distance_is_torch_fidelitys(torch_fidelity, pair):
    """One subset of all samples; its shape wants equal counts."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    f, g = pair()
    f, g = f[: len(g)], g[: len(f)]
    for ours, options in (
        (metrics.polynomial, {"kid_kernel": "poly"}),
        (metrics.gaussian(3.0), {"kid_kernel": "rbf", "kid_kernel_rbf_sigma": 3.0}),
    ):
        found = kid_features_to_metric(f, g, kid_subsets=1, kid_subset_size=len(f), verbose=False, **options)
        expected = found["kernel_inception_distance_mean"]
        assert metrics.kernel_distance(f, g, ours) == pytest.approx(expected, rel=RELATIVE)


@every_pair
@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_are_torch_fidelitys(torch_fidelity, pair, k):
    """0.4.0 and later: its first features are the generated ones."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake = pair()
    expected = prc_features_to_metric(fake, real, prc_neighborhood=k, verbose=False)
    found = metrics.precision_recall(real, fake, k)
    assert (expected["precision"], expected["recall"]) == pytest.approx(found, rel=RELATIVE)


def test_inception_score_is_torch_fidelitys(torch_fidelity):
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = 2 * gaussians(300, 10, 1)
    expected = isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"]
    assert metrics.inception_score(logits.softmax(1)) == pytest.approx(expected, rel=RELATIVE)


class Given(torch.nn.Module):
    """Features as if they were images."""

    num_features = 16

    def forward(self, features):
        return features


def test_both_distances_are_those_of_torchmetrics():
    fid = import_module("torchmetrics.image.fid").FrechetInceptionDistance
    kid = import_module("torchmetrics.image.kid").KernelInceptionDistance
    real, fake = PAIRS["equal counts"]()
    frechet = fid(feature=Given(), input_img_size=(16,), normalize=True).set_dtype(torch.float64)
    kernel = kid(feature=Given(), subsets=1, subset_size=len(real), normalize=True).set_dtype(torch.float64)
    for metric in (frechet, kernel):
        metric.update(real, real=True)
        metric.update(fake, real=False)
    assert metrics.frechet_distance(real, fake) == pytest.approx(frechet.compute().item(), rel=RELATIVE)
    assert metrics.kernel_distance(real, fake) == pytest.approx(kernel.compute()[0].item(), rel=RELATIVE)


@every_pair
@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_are_those_of_prdc(pair, k, capsys):
    prdc = import_module("prdc")
    real, fake = pair()
    expected = prdc.compute_prdc(real.numpy(), fake.numpy(), k)
    found = metrics.precision_recall(real, fake, k)._asdict() | metrics.density_coverage(real, fake, k)._asdict()
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, rel=RELATIVE)


@every_pair
def test_sliced_wasserstein_is_that_of_pot(pair):
    ot = import_module("ot")
    f, g = pair()
    lines = directions(f.shape[1], 64, seed=3)
    expected = ot.sliced_wasserstein_distance(f.numpy(), g.numpy(), projections=lines.numpy())
    assert metrics.sliced_wasserstein(f, g, 64, seed=3) == pytest.approx(expected, rel=RELATIVE)


@every_pair
def test_the_vendi_score_is_vendi_scores(pair):
    vendi = import_module("vendi_score.vendi")
    for features in pair():
        expected = vendi.score_dual(features.numpy(), normalize=True)
        assert metrics.vendi_score(features) == pytest.approx(expected, rel=RELATIVE)


def test_float32_features_are_judged_as_in_float64():
    """What extractors give: neighbours of real pixels' projections stay the same as prdc's."""
    prdc = import_module("prdc")
    real, fake = (features.float() for features in real_features())
    expected = prdc.compute_prdc(real.numpy().astype(np.float64), fake.numpy().astype(np.float64), 3)
    assert metrics.precision_recall(real, fake).precision == pytest.approx(expected["precision"], rel=RELATIVE)
    assert metrics.density_coverage(real, fake, 3).density == pytest.approx(expected["density"], rel=RELATIVE)
