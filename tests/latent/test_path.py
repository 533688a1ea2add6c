"""Path length. Oracles: 2 ||A||^2 for a linear generator on straight lines; Jacobian products elsewhere."""

import math

import pytest
import torch

from generators import generator
from nablagan.latent import derivative_image, great_circle, path_length, straight_line
from nablagan.types import InputError


def pairs(count, size, dtype=torch.float64):
    return torch.randn(2, count, size, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(dtype)


def test_a_linear_generator_has_twice_its_squared_norm():
    matrix = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = path_length(lambda z, label: z @ matrix.T, *pairs(40_000, 3), interpolation=straight_line)
    assert abs(found.mean - 2 * matrix.square().sum().item()) < 4 * found.standard_error
    assert found.standard_error < 0.02 * found.mean
    assert found[2:] == ("squared_euclidean", "straight_line", 1e-4, 40_000)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_the_squared_length_of_the_derivative_along_the_path(dtype):
    net, (start, end) = generator("dcgan", dtype=dtype), pairs(20, 6, dtype)
    found = path_length(net, start, end, step=1e-4, seed=7)
    at = torch.rand(20, 1, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(dtype)
    exact = net.double()
    z, speed = torch.func.jvp(
        lambda t: great_circle(start.double(), end.double(), t), (at.double(),), (torch.ones(20, 1).double(),)
    )
    lengths = derivative_image(exact, z, speed).flatten(1).square().sum(1)
    assert found.mean == pytest.approx(lengths.mean().item(), rel=1e-2)
    assert found.standard_error == pytest.approx(lengths.std().item() / math.sqrt(20), rel=2e-2)


def test_another_distance_is_named():
    def mean_absolute(images, others):
        return (images - others).abs().flatten(1).mean(1) ** 2

    start, end = pairs(4, 3)
    found = path_length(lambda z, label: z, start, end, distance=mean_absolute, interpolation=straight_line)
    assert found.distance == "mean_absolute"
    assert found.mean == pytest.approx(((end - start).abs().mean(1) ** 2).mean().item(), rel=1e-6)


def test_labels_reach_the_generator_in_pieces():
    start, end = pairs(250, 2)
    labels = torch.arange(250)
    found = path_length(lambda z, label: z * label[:, None], start, end, labels, interpolation=straight_line)
    expected = ((end - start) * labels[:, None]).square().sum(1).mean().item()
    assert found.mean == pytest.approx(expected, rel=1e-5)


def test_the_great_circle_keeps_the_length_of_equally_long_ends():
    start, end = (torch.nn.functional.normalize(z, dim=1) for z in pairs(5, 4))
    for at in (0.0, 0.3, 1.0, torch.full((5, 1), 0.7, dtype=torch.float64)):
        torch.testing.assert_close(great_circle(start, end, at).norm(dim=1), torch.ones(5).double())
    torch.testing.assert_close(great_circle(start, end, 1.0), end)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step": 0.0}, "step is 0.0"),
        ({"end": torch.zeros(2, 3).double()}, "give pairs"),
        ({"distance": lambda a, b: (a - b).square().sum()}, r"the distance gives shape \(\)"),
    ],
)
def test_wrong_input(options, words):
    start, end = pairs(4, 3)
    with pytest.raises(InputError, match=words):
        path_length(**{"generator": lambda z, label: z, "start": start, "end": end, **options})


def test_one_pair_has_no_error():
    assert math.isnan(path_length(lambda z, label: z, *pairs(1, 3)).standard_error)
