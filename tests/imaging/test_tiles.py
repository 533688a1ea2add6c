"""Tiles: the untiled result where the network looks no further than their overlap, no seam where it does."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from nablagan import players
from nablagan.imaging.tiles import Tiling, in_tiles, ramps, tiled_rows
from nablagan.types import InputError


def network(depth):
    """Convolutions that look `depth` pixels far."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.Tanh()]
    for _ in range(depth - 2):
        layers += [nn.Conv2d(4, 4, 3, padding=1), nn.Tanh()]
    layers.append(nn.Conv2d(4, 3, 3, padding=1))
    return nn.Sequential(*layers).eval().requires_grad_(False)


def picture(height, width):
    return torch.rand(2, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


SIZES = [(1, 1), (37, 53), (5, 200), (64, 64), (65, 64), (130, 97), (200, 333)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("multiple", [1, 8])
def test_equals_the_untiled_result_where_the_overlap_is_wide_enough(size, multiple):
    """Oracle: the network on the whole picture; it looks 4 pixels far, a quarter of the overlap."""
    net, image = network(4), picture(*size)
    tiled = in_tiles(net, image, tile=64, overlap=16, multiple=multiple)
    torch.testing.assert_close(tiled, net(image[None])[0], rtol=0, atol=1e-5)


def test_a_narrower_overlap_is_not_enough():
    """The test above can fail."""
    net, image = network(4), picture(130, 97)
    assert (in_tiles(net, image, tile=64, overlap=4, multiple=1) - net(image[None])[0]).abs().max() > 1e-3


def test_a_network_that_halves_sizes_is_called_in_phase():
    """Averages of 4 x 4 blocks, enlarged: exact only where tiles begin at multiples of 4."""

    def net(tile):
        height, width = tile.shape[2:]
        padded = nn.functional.pad(tile, (0, -width % 4, 0, -height % 4), mode="replicate")
        means = nn.functional.avg_pool2d(padded, 4)
        return nn.functional.interpolate(means, scale_factor=4)[:, :, :height, :width]

    image = picture(131, 198)
    torch.testing.assert_close(in_tiles(net, image, 52, 14, multiple=4), net(image[None])[0], atol=1e-5, rtol=0)
    assert (in_tiles(net, image, 52, 14, multiple=1) - net(image[None])[0]).abs().max() > 0.1


def test_no_seam_where_a_network_looks_further_than_the_overlap():
    """It gives each tile's own mean, which no overlap can mend: the steps stay below what blending allows.

    Oracle: the same tiles put side by side, whose jumps are the differences of neighbouring means.
    """
    image = torch.zeros(1, 96, 600)
    image[:, :, :] = torch.linspace(-1, 1, 600)

    def net(tile):
        return tile.mean((2, 3), keepdim=True).expand_as(tile)

    blended = in_tiles(net, image, tile=96, overlap=32, multiple=1)
    hard = torch.cat([net(image[None, :, :, x : x + 64])[0] for x in range(0, 600, 64)], 2)
    assert blended.diff(dim=2).abs().max() < hard.diff(dim=2).abs().max() / 8
    steps = blended.diff(dim=2).abs().flatten()
    assert steps.max() < 0.25 * 0.11  # a mean differs by 0.21 from the next one's, and crosses over in 16 pixels


@pytest.mark.parametrize("player", [players.unet, players.resnet], ids=lambda player: player.__name__.split(".")[-1])
def test_a_translator_changes_no_more_in_overlaps_than_it_does_there_by_itself(player):
    """Oracle: the untiled result of the same untrained network, which looks far, at the same places."""
    torch.manual_seed(0)
    net = player.generator((1, 32, 32), source_shape=(1, 32, 32), size="tiny").eval().requires_grad_(False)
    smooth = nn.functional.interpolate(picture(24, 32)[None, :1], (192, 256), mode="bilinear")[0]
    tiled, whole = in_tiles(net, smooth, 128, 64, multiple=32), net(smooth[None])[0]
    spans = Tiling(128, 64, 32).spans(256)
    overlaps = torch.cat([torch.arange(b.start, a.stop) for a, b in pairwise(spans)]) - 1
    steps, own = (each.diff(dim=2).abs()[:, :, overlaps] for each in (tiled, whole))
    assert steps.mean() < 1.05 * own.mean()
    assert steps.max() < 1.2 * own.max()


def test_weights_sum_to_one_and_margins_are_left_out():
    for length in range(1, 300):
        spans = Tiling(64, 16, 4).spans(length)
        total = torch.zeros(length)
        for span, weights in zip(spans, ramps(spans), strict=True):
            total[span] += weights
        torch.testing.assert_close(total, torch.ones(length))
        assert spans[-1].stop == length
    first, second = ramps([slice(0, 64), slice(48, 112)])
    assert bool((second[:4] == 0).all() & (first[-4:] == 0).all() & (first[:52] == 1).all())


def test_rows_come_from_the_top_and_progress_is_told():
    image, seen = picture(200, 150), []
    rows = list(
        tiled_rows(
            lambda tile: tile,
            lambda y, x: image[:, y, x],
            (200, 150),
            Tiling(64, 16, 8),
            lambda *told: seen.append(told),
        )
    )
    assert [part.start for part, _ in rows] == [0, *[part.stop for part, _ in rows[:-1]]]
    assert rows[-1][0].stop == 200
    assert all(part.stop - part.start == values.shape[1] for part, values in rows)
    assert seen == [(i + 1, 12) for i in range(12)]


@pytest.mark.parametrize(("tile", "overlap"), [(64, 40), (0, 0), (64, -1), (16, 16)])
def test_tiles_that_overlap_in_threes_are_refused(tile, overlap):
    with pytest.raises(InputError, match="tile"):
        Tiling(tile, overlap, 1)
