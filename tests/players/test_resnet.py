"""The U-Net's and the ResNet's maps: how many, how large, and where the latent enters."""

import pytest
import torch

from nablagan.players import resnet, unet
from nablagan.types import InputError


def test_maps_of_a_resnet_are_resolutions_and_the_first_half_of_its_blocks():
    torch.manual_seed(0)
    net = resnet.generator((1, 32, 32), widths=(16, 12, 8), blocks=5, latent_size=3)
    maps = net.encode(torch.zeros(2, 1, 32, 32))
    assert [map.shape[1:] for map in maps] == [(8, 32, 32), (12, 16, 16), (16, 8, 8), (16, 8, 8), (16, 8, 8)]
    assert [block.first.modulation.linear is None for block in [*net.before, *net.after]] == [True] * 2 + [False] * 3


def test_a_residual_block_is_its_formula():
    """Oracle: x + W₂ * φ(n(W₁ * x)) by torch's functions, n the root mean square over channels."""
    torch.manual_seed(0)
    block, x = resnet.ResidualBlock(4, 9, unet.layers.PixelNorm, 0), torch.randn(2, 4, 6, 5)
    hidden = torch.nn.functional.conv2d(x, block.first.block.weight, padding=1)
    hidden = hidden / hidden.square().mean(1, keepdim=True).sqrt()
    hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
    expected = x + torch.nn.functional.conv2d(hidden, block.second.weight, padding=1)
    torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-5)
    spread = float((block(x) - x).std().detach())
    assert 0.1 < spread < 0.8, "each of nine blocks adds about a third of what there is"


def test_depth_of_a_unet_follows_from_the_shape():
    for side, halvings in ((1, 0), (8, 1), (32, 3), (64, 4), (256, 6), (1024, 6)):
        net = unet.generator((1, side, side), size="tiny")
        assert (len(net.down) - 1, net.multiple) == (halvings, 2**halvings)
    maps = unet.generator((1, 32, 32), widths=(16, 12, 8)).encode(torch.zeros(2, 1, 32, 32))
    assert [map.shape[1:] for map in maps] == [(8, 32, 32), (12, 16, 16), (16, 8, 8)]


def test_a_unet_joins_each_map():
    """Without the map of one resolution the image is another one."""
    torch.manual_seed(0)
    net = unet.generator((1, 32, 32), size="tiny")
    source = torch.randn(1, 1, 32, 32)
    maps = net.maps(source)
    image = net.image(source, maps, None)
    for number, map in enumerate(maps):
        without = [*maps[:number], torch.zeros_like(map), *maps[number + 1 :]]
        assert not torch.allclose(net.image(source, without, None), image), number


def test_errors():
    with pytest.raises(InputError, match="blocks=-1"):
        resnet.generator((1, 32, 32), blocks=-1)
    with pytest.raises(InputError, match="positive widths"):
        unet.generator((1, 32, 32), widths=())
