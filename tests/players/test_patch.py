"""The discriminator of patches: what a logit sees, its scales, its errors."""

import pytest
import torch

from nablagan.players import patch
from nablagan.types import InputError


def judge(**options):
    torch.manual_seed(0)
    return patch.discriminator((1, 64, 64), size="tiny", **options).double()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_logit_sees_a_patch_of_the_receptive_field(layers):
    """Oracle: where the gradient of a logit in the middle is not zero. 70 pixels for three layers, as published."""
    side = 2 * patch.receptive_field(layers)
    images = torch.randn(1, 1, side, side, dtype=torch.float64).requires_grad_()
    logits = judge(layers=layers)(images)[0]
    places = int(len(logits) ** 0.5)
    (gradient,) = torch.autograd.grad(logits.view(places, places)[places // 2, places // 2], images)
    rows, columns = gradient[0, 0].nonzero().unbind(1)
    seen = (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1)
    assert seen == (patch.receptive_field(layers),) * 2


def test_scales_are_networks_of_their_own_on_smaller_images():
    several = judge(layers=1, scales=2)
    images = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    logits, features = several(images, features=True)
    first, second = several.scales
    expected = [first(images)[0].flatten(1), second(patch.halved(images))[0].flatten(1)]
    assert torch.equal(logits, torch.cat(expected, 1))
    assert [map.shape[-1] for map in features] == [16, 15, 8, 7]


def test_halving_takes_means_of_what_is_there():
    """Oracle: means over 3x3 windows by hand, which at the border are smaller."""
    images = torch.arange(9.0).view(1, 1, 3, 3)
    expected = torch.tensor([[(0 + 1 + 3 + 4) / 4, (1 + 2 + 4 + 5) / 4], [(3 + 4 + 6 + 7) / 4, (4 + 5 + 7 + 8) / 4]])
    assert torch.equal(patch.halved(images)[0, 0], expected)
    assert torch.equal(patch.halved(torch.ones(1, 2, 1, 1)), torch.ones(1, 2, 1, 1))


def test_sizes_grow_and_errors():
    counts = [
        sum(p.numel() for p in patch.discriminator((3, 32, 32), size=size).parameters())
        for size in ("tiny", "small", "base")
    ]
    assert counts == sorted(set(counts))
    with pytest.raises(InputError, match=r"'huge'.*tiny, small, base"):
        patch.discriminator((3, 32, 32), size="huge")
    with pytest.raises(InputError, match="layers=0, scales=1"):
        patch.discriminator((3, 32, 32), layers=0)
    with pytest.raises(InputError, match="give 4 positive widths"):
        patch.discriminator((3, 32, 32), widths=(8, 8))
    with pytest.raises(InputError, match=r"an image batch has shape .*: this player takes \(batch, 5, "):
        patch.discriminator((3, 32, 32), source_shape=(2, 32, 32), size="tiny")(torch.zeros(1, 3, 32, 32))
