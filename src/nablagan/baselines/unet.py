"""A small U-Net that is told the time: the net of flow matching and of DDPM (after Ho et al. 2020, appendix B)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, silu

from nablagan.players.layers import image_shape

TIME_WIDTH = 64
PATCH = 2
"""Pixels of a side that become one place of the first layer."""
SMALLEST_SIDE = 4
GROUPS = 8


class UNet(nn.Module):
    """(images (batch, *shape), time (batch,) in [0, 1]) -> (batch, *shape); residual blocks, one a resolution.

    # Unlike the paper: no attention, one block a resolution, 2x2 patches at the ends (Hoogeboom et al. 2023), because
    half the work of a U-Net on a CPU is at the full resolution. The last layer starts at zero. No sample is coupled to
    another. Sides must be even; `width` is that of the first resolution and doubles at each lower one.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        channels, height, image_width = image_shape(shape, "baselines.unet")
        widths = _widths(width, min(height, image_width) // PATCH)
        self.time = nn.Sequential(nn.Linear(TIME_WIDTH, TIME_WIDTH), nn.SiLU())
        self.start = nn.Conv2d(channels * PATCH**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(Residual(max(a, 1), b) for a, b in pairwise((widths[0], *widths)))
        self.middle = Residual(widths[-1], widths[-1])
        upwards = [*widths[::-1], widths[0]]
        self.up = nn.ModuleList(Residual(2 * a, b) for a, b in pairwise(upwards))
        self.norm = nn.GroupNorm(_groups(widths[0]), widths[0])
        self.end = nn.Conv2d(widths[0], channels * PATCH**2, 3, padding=1)
        for parameter in self.end.parameters():
            nn.init.zeros_(parameter)

    def forward(self, images: Tensor, time: Tensor) -> Tensor:
        told = self.time(_waves(time))
        x, kept = self.start(pixel_unshuffle(images, PATCH)), []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.avg_pool2d(x, 2), told)
            kept.append(x)
        x = self.middle(x, told)
        for level, block in enumerate(self.up):
            skip = kept.pop()
            x = block(torch.cat([x if level == 0 else interpolate(x, scale_factor=2.0), skip], 1), told)
        return pixel_shuffle(self.end(silu(self.norm(x))), PATCH)


class Residual(nn.Module):
    """x + two normalised convolutions, the second scaled and shifted by the time; x is projected to another width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = (nn.GroupNorm(_groups(n), n) for n in (inputs, outputs))
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.told = nn.Linear(TIME_WIDTH, 2 * outputs)
        self.past = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.told(told)[:, :, None, None].chunk(2, 1)
        change = self.first(silu(self.first_norm(x)))
        change = self.second(silu(self.second_norm(change) * (1 + scale) + shift))
        return self.past(x) + change


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


def _groups(width: int) -> int:
    return math.gcd(GROUPS, width)
