"""Gated and partial convolutions against their published formulas."""

import pytest
import torch
from torch.nn.functional import conv2d, pad

from nablagan.players import conditional, gated, layers, partial
from nablagan.types import InputError


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def holes(*shape):
    return (draws(*shape, seed=2) > 0.8).double()


def test_a_gated_stage_is_features_times_a_sigmoid():
    """Oracle: Yu et al. 2019, equation 2, with two convolutions of their own."""
    torch.manual_seed(0)
    stage = gated.GatedStage(3, 4, 3, 1, conditional.without).double()
    x, weight, bias = draws(2, 3, 6, 5), stage.both.weight, stage.both.bias
    features, gates = (conv2d(x, weight[part], bias[part], padding=1) for part in (slice(0, 4), slice(4, 8)))
    expected = layers.leaky_relu(features) * torch.sigmoid(gates / 2)
    torch.testing.assert_close(stage(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2)])
def test_a_partial_stage_is_its_formula_at_each_place(kernel, stride):
    """Oracle: Liu et al. 2018, equation 1, place by place: Wᵀ(X ⊙ M) sum(1)/sum(M) + b, 0 where sum(M) is 0."""
    torch.manual_seed(0)
    stage = partial.PartialStage(3, 2, kernel, stride, conditional.without).double()
    stage.bias.data = draws(2, 1, 1)
    x, known = draws(1, 3, 8, 8), torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    known[..., :3, 2:5] = known[..., 4, 0] = 1
    windows, masks = (pad(y, (1, 1, 1, 1))[0].unfold(1, kernel, stride).unfold(2, kernel, stride) for y in (x, known))
    found = stage(x * known, known)[0]
    for row in range(found.shape[1]):
        for column in range(found.shape[2]):
            mask = masks[0, row, column]
            summed = (stage.block.weight * windows[:, row, column] * mask).sum((1, 2, 3))
            expected = summed * kernel**2 / mask.sum() + stage.bias[:, 0, 0] if mask.sum() else torch.zeros(2)
            torch.testing.assert_close(found[:, row, column], layers.leaky_relu(expected).to(found), rtol=1e-12, atol=0)


def generator_of(**options):
    torch.manual_seed(0)
    return partial.generator((1, 16, 16), (2, 16, 16), size="tiny", **options).double()


def test_missing_pixels_are_not_seen():
    generator, mask = generator_of(), holes(2, 1, 16, 16)
    first, second = (torch.cat([draws(2, 1, 16, 16), mask], 1) for _ in range(2))
    second[:, :1] += 100 * mask
    assert torch.equal(generator(first), generator(second))
    assert all(torch.equal(a, b) for a, b in zip(generator.encode(first), generator.encode(second), strict=True))


def test_a_map_is_zero_where_nothing_is_known_and_holes_shrink():
    """Oracle: dilation by the kernels by hand: one pixel known, then 3x3, then what a 4x4 at stride 2 reaches."""
    source = torch.cat([draws(1, 1, 16, 16), torch.ones(1, 1, 16, 16, dtype=torch.float64)], 1)
    source[0, 1, 8, 8] = 0
    maps = generator_of(normalisation=conditional.without).encode(source)
    places = [sorted(map(tuple, (x[0].abs().amax(0) > 0).nonzero().tolist())) for x in maps[:2]]
    assert places[0] == [(row, column) for row in (7, 8, 9) for column in (7, 8, 9)]
    assert places[1] == [(row, column) for row in (3, 4, 5) for column in (3, 4, 5)]


@pytest.mark.parametrize("missing", [0.0, 1.0])
def test_all_known_and_nothing_known_have_finite_images_and_gradients(missing):
    generator = generator_of(latent_size=2)
    source = torch.cat([draws(2, 1, 16, 16), torch.full((2, 1, 16, 16), missing, dtype=torch.float64)], 1)
    image = generator(source.requires_grad_(), draws(2, 2))
    gradients = torch.autograd.grad(image.sum(), [source, *generator.parameters()])
    assert all(bool(value.isfinite().all()) for value in (image, *gradients))


def test_a_source_without_a_mask_is_refused():
    with pytest.raises(InputError, match="take known pixels and a mask"):
        partial.generator((1, 16, 16), (1, 16, 16))
