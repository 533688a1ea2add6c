"""A small U-Net that is told the time: the net of flow matching and of DDPM (after Ho et al. 2020, appendix B)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, group_norm, interpolate, pixel_shuffle, pixel_unshuffle, silu

from nablagan.players.layers import Convolution, Linear, image_shape
from nablagan.players.precision import Staged

TIME_WIDTH = 64
PATCH = 2
"""Pixels of a side that become one place of the first layer."""
SMALLEST_SIDE = 4
GROUPS = 8


class UNet(Staged):
    """(images (batch, *shape), time (batch,) in [0, 1]) -> (batch, *shape); residual blocks, one a resolution.

    # Unlike the paper: no attention, one block a resolution, 2x2 patches at the ends (Hoogeboom et al. 2023), because
    half the work of a U-Net on a CPU is at the full resolution. The last layer starts at zero. No sample is coupled to
    another. Sides must be even; `width` is that of the first resolution and doubles at each lower one. All
    between the ends runs in bfloat16, from and to float32, until `forgo_bfloat16` (float64 parameters: in float64).
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__(stages=1, bfloat16_stages=1)
        channels, height, image_width = image_shape(shape, "baselines.unet")
        widths = _widths(width, min(height, image_width) // PATCH)
        self.time = Linear(TIME_WIDTH, TIME_WIDTH)
        self.start = Convolution(channels * PATCH**2, widths[0], 3)
        self.down = nn.ModuleList(Residual(a, b) for a, b in pairwise((widths[0], *widths)))
        self.middle = Residual(widths[-1], widths[-1])
        upwards = [*widths[::-1], widths[0]]
        self.up = nn.ModuleList(Residual(2 * a, b) for a, b in pairwise(upwards))
        self.norm = GroupNorm(widths[0])
        self.end = Convolution(widths[0], channels * PATCH**2, 3, gain=0.0)

    def forward(self, images: Tensor, time: Tensor) -> Tensor:
        told = silu(self.time(self.entering(_waves(time), 0)))
        x, kept = self.start(self.entering(pixel_unshuffle(images, PATCH), 0)), []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else avg_pool2d(x, 2), told)
            kept.append(x)
        x = self.middle(x, told)
        for level, block in enumerate(self.up):
            skip = kept.pop()
            x = block(torch.cat([x if level == 0 else interpolate(x, scale_factor=2.0), skip], 1), told)
        return pixel_shuffle(self.end(silu(self.norm(x))).to(images.dtype), PATCH)


class Residual(nn.Module):
    """x + two normalised convolutions, the second scaled and shifted by the time; x is projected to another width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = GroupNorm(inputs), GroupNorm(outputs)
        self.first = Convolution(inputs, outputs, 3)
        self.second = Convolution(outputs, outputs, 3)
        self.told = Linear(TIME_WIDTH, 2 * outputs)
        self.past = nn.Identity() if inputs == outputs else Convolution(inputs, outputs, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.told(told)[:, :, None, None].chunk(2, 1)
        change = self.first(silu(self.first_norm(x)))
        change = self.second(silu(self.second_norm(change) * (1 + scale) + shift))
        return self.past(x) + change


class GroupNorm(nn.Module):
    """Group normalisation in the dtype of what it is given; its means and variances are float32 within."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.groups = math.gcd(GROUPS, width)
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return group_norm(x, self.groups, self.weight.to(x.dtype), self.bias.to(x.dtype))


def _waves(time: Tensor) -> Tensor:
    """Sines and cosines of 1000 t at geometric frequencies, (batch, TIME_WIDTH)."""
    half = TIME_WIDTH // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=time.device, dtype=time.dtype) / half)
    angles = 1000 * time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


def _widths(width: int, side: int) -> tuple[int, ...]:
    """One width a resolution, highest first: halved in side while that is even and stays SMALLEST_SIDE at least."""
    widths = [width]
    while side % 2 == 0 and side // 2 >= SMALLEST_SIDE:
        side, widths = side // 2, [*widths, 2 * widths[-1]]
    return tuple(widths)
