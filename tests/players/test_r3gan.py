"""R3GAN's resampling against explicit sums, and its start against the closed form."""

import pytest
import torch

from nablagan.players import layers, r3gan
from nablagan.types import InputError

IMAGE = (3, 32, 32)


def draws(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def filter_matrix(length):
    """(2 length, length): zeros between samples, then [1, 3, 3, 1] / 4, along one axis."""
    matrix = torch.zeros(2 * length, length, dtype=torch.float64)
    for source in range(length):
        for offset, tap in zip((-1, 0, 1, 2), (1, 3, 3, 1), strict=True):
            if 0 <= 2 * source + offset < 2 * length:
                matrix[2 * source + offset, source] = tap / 4
    return matrix


def test_upsampling_is_the_separable_filter():
    x = draws(2, 3, 4, 6)
    expected = filter_matrix(4) @ x @ filter_matrix(6).T
    torch.testing.assert_close(r3gan.Upsample().double()(x), expected, rtol=1e-12, atol=1e-12)


def test_downsampling_is_the_separable_filter():
    x = draws(2, 3, 8, 12)
    expected = (filter_matrix(4).T / 2) @ x @ (filter_matrix(6) / 2)
    torch.testing.assert_close(r3gan.Downsample().double()(x), expected, rtol=1e-12, atol=1e-12)


def test_resampling_keeps_constants_inside():
    constant = torch.ones(1, 2, 8, 8)
    assert torch.equal(r3gan.Upsample()(constant)[..., 2:-2, 2:-2], torch.ones(1, 2, 12, 12))
    assert torch.equal(r3gan.Downsample()(constant)[..., 1:-1, 1:-1], torch.ones(1, 2, 2, 2))


def test_a_block_starts_as_the_identity():
    torch.manual_seed(0)
    block, x = r3gan.ResidualBlock(32, 16, gain=1.0), draws(2, 32, 4, 4, dtype=torch.float32)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(("depth", "blocks"), [(2, 8), (4, 16)])
def test_a_branch_starts_at_the_scale_of_the_number_of_blocks(depth, blocks):
    """Each of the two convolutions multiplies the second moment by L^(-1/2)."""
    torch.manual_seed(0)
    player = r3gan.discriminator(IMAGE, widths=(128,) * 4, depth=depth)
    block = player.stages[0][0][0]
    x = draws(16, 128, 16, 16, dtype=torch.float32)
    widened = layers.leaky_relu(block.widen(x))
    mixed = layers.leaky_relu(block.mix(widened))[..., 1:-1, 1:-1]
    assert widened.square().mean().item() == pytest.approx(blocks**-0.5, rel=0.1)
    assert mixed.square().mean().item() == pytest.approx(blocks**-1.0, rel=0.1)


def test_activations_keep_their_variance_through_the_stages():
    """Inputs without detail lose nothing to the filters but what leaves at the borders."""
    torch.manual_seed(0)
    player = r3gan.discriminator(IMAGE, widths=(64, 32, 32, 16))
    x = player.enter(draws(256, 3, 1, 1, dtype=torch.float32).expand(-1, -1, 32, 32))
    for stage in reversed(player.stages):
        assert x[..., 1:-1, 1:-1].square().mean().item() == pytest.approx(1, rel=0.4)
        x = stage(x)
    assert player(draws(256, *IMAGE, dtype=torch.float32)).std() < 2


def test_generated_images_start_at_the_scale_of_data():
    torch.manual_seed(0)
    samples = r3gan.generator(IMAGE, size="small")(draws(64, 64))
    assert 0.2 < samples.std() < 2


def test_wide_groups_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="multiples of 16"):
        r3gan.generator(IMAGE, widths=(32, 32, 20, 16))
    with pytest.raises(InputError, match="bfloat16_stages=5"):
        r3gan.generator(IMAGE, size="tiny", bfloat16_stages=5)
