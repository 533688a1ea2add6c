"""What the players share: layers with float32 master weights, labels, sizes, and the checks of their inputs.

A layer casts its weights to the dtype of what it is given, so a stage runs in bfloat16 when its input does;
the masters stay. No layer couples the samples of a batch. All are ordinary differentiable operations: they
compose with `torch.func` to any order.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from nablagan.players.norms import ComposedInstanceNorm as ComposedInstanceNorm
from nablagan.players.norms import ComposedLayerNorm as ComposedLayerNorm
from nablagan.players.norms import replace_norms as replace_norms
from nablagan.types import InputError

LEAKY_RELU_GAIN = math.sqrt(2 / (1 + 0.2**2))
"""Keeps the second moment through leaky ReLU with slope 0.2 (He et al. 2015, equation 15)."""

Size = TypeVar("Size")
Output = Callable[[Tensor], Tensor]
"""What the values of a generator's last convolution go through."""


def leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU with slope 0.2."""
    return functional.leaky_relu(x, 0.2)


def unbounded(x: Tensor) -> Tensor:
    """x: images are linear in the last features."""
    return x


def bounded(x: Tensor) -> Tensor:
    """tanh x, in [-1, 1]."""
    return torch.tanh(x)


class Linear(nn.Module):
    """x Wᵀ + bias, (batch, inputs) -> (batch, outputs); W ~ N(0, gain²/inputs), bias 0."""

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (gain / math.sqrt(inputs)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Convolution(nn.Module):
    """Convolution (batch, inputs, h, w) -> (batch, outputs, h/stride, w/stride); W ~ N(0, gain²/fan_in).

    The bias starts at 0. At stride 1 an odd kernel keeps the size; at stride 2 kernels 3 and 4 halve it.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        gain: float = 1.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.groups = stride, (kernel - 1) // 2, groups
        weight = torch.randn(outputs, inputs // groups, kernel, kernel)
        self.weight = nn.Parameter(weight * (gain / math.sqrt(weight[0].numel())))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return functional.conv2d(x, self.weight.to(x.dtype), bias, self.stride, self.padding, groups=self.groups)


class PixelNorm(nn.Module):
    """x over its root mean square across channels, at each pixel (Karras et al. 2018, section 4.2)."""

    def __init__(self, width: int = 0) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class LabelEmbedding(nn.Module):
    """A learned vector for each class, label (batch,) -> (batch, width), entries N(0, 1) at the start.

    Raises InputError without a label, for one that is not (batch,) integers, and, on CPU, for a class out of
    range (on an accelerator the range is left to the kernel's own assertion: looking would wait for the
    device at every step).
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width))

    def forward(self, label: Tensor | None, batch: int) -> Tensor:
        classes = len(self.weight)
        if label is None:
            raise InputError(f"no label: this player has {classes} classes, give a label (batch,) of integers")
        if label.shape != (batch,) or label.dtype not in (torch.int64, torch.int32):
            raise InputError(
                f"label is {label.dtype} {tuple(label.shape)} for {batch} samples: "
                f"give int64 class indices ({batch},), 0 to {classes - 1}"
            )
        try:
            return functional.embedding(label, self.weight)
        except IndexError as error:
            raise InputError(f"a label is out of range: this player has classes 0 to {classes - 1}") from error


class LatentAndLabel(nn.Module):
    """What a generator starts from: the latent, with the label's embedding appended when there are classes.

    (batch, latent_size) -> (batch, width); without classes the label is ignored. Raises InputError for
    another latent size.
    """

    def __init__(self, latent_size: int, classes: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.embedding = LabelEmbedding(classes, latent_size) if classes else None
        self.width = 2 * latent_size if classes else latent_size

    def forward(self, latent: Tensor, label: Tensor | None) -> Tensor:
        check_samples(latent, (self.latent_size,), "latent")
        if self.embedding is None:
            return latent
        return torch.cat([latent, self.embedding(label, len(latent)).to(latent.dtype)], dim=1)


class Judgement(nn.Module):
    """The logits w·h + c + eᵧ·h/√width of features h (batch, width), (batch,) (Miyato and Koyama 2018).

    Without classes the projection on the class embedding eᵧ is left out and the label ignored.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = Linear(width, 1)
        self.embedding = LabelEmbedding(classes, width) if classes else None

    def forward(self, features: Tensor, label: Tensor | None) -> Tensor:
        logits = self.linear(features).squeeze(1)
        if self.embedding is None:
            return logits
        projection = self.embedding(label, len(features)).to(features.dtype) * features
        return logits + projection.sum(1) / math.sqrt(features.shape[1])


def parameter_count(module: nn.Module) -> int:
    """The number of numbers that the module learns.

    >>> parameter_count(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def master_dtype(module: nn.Module) -> torch.dtype:
    """The dtype of the module's parameters: float32, or float64 after `module.double()`."""
    return next(module.parameters()).dtype


def stages(height: int, width: int) -> tuple[int, int, int]:
    """(base_height, base_width, doublings): height = base_height * 2^doublings, and so for the width.

    Both are halved while both stay even and no side falls below 4. Usable are multiples of 4 that leave a base of at
    most 32x32, and others that leave one of at most 8x8. Raises InputError, with the nearest usable size, for the rest.

    >>> stages(32, 32), stages(28, 28), stages(48, 64), stages(36, 96)
    ((4, 4, 3), (7, 7, 2), (6, 8, 3), (9, 24, 2))
    """
    found = _halved(height, width)
    if not _is_usable(height, width):
        raise InputError(
            f"images of {height}x{width} cannot be built by doubling a small base: "
            "the nearest usable size is {}x{}".format(*_nearest_usable(height, width))
        )
    return found


def _halved(height: int, width: int) -> tuple[int, int, int]:
    base_height, base_width, doublings = height, width, 0
    while base_height % 2 == base_width % 2 == 0 and min(base_height, base_width) >= 8:
        base_height, base_width, doublings = base_height // 2, base_width // 2, doublings + 1
    return base_height, base_width, doublings


def _is_usable(height: int, width: int) -> bool:
    largest = 32 if height % 4 == width % 4 == 0 else 8
    return min(height, width) >= 1 and max(_halved(height, width)[:2]) <= largest


def image_shape(shape: Sequence[int], player: str) -> tuple[int, int, int]:
    """(channels, height, width), or InputError when the shape is not that of an image."""
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(
            f"{player} makes images of shape (channels, height, width), not {tuple(shape)}: use players.mlp for points"
        )
    channels, height, width = shape
    return channels, height, width


def size_named(size: str, sizes: Mapping[str, Size]) -> Size:
    """The entry of a table of sizes, or InputError naming the choices."""
    if size not in sizes:
        raise InputError(f"unknown size {size!r}: choose one of {', '.join(sizes)}, or give widths explicitly")
    return sizes[size]


def check_widths(widths: Sequence[int], count: int) -> tuple[int, ...]:
    """The widths as a tuple, or InputError unless there are `count`, all positive."""
    if len(widths) != count or min(widths, default=1) < 1:
        raise InputError(f"widths {tuple(widths)}: give {count} positive widths, one a stage, lowest resolution first")
    return tuple(widths)


def check_samples(samples: Tensor, shape: Sequence[int], name: str) -> None:
    """Raise InputError unless `samples` is (batch, *shape)."""
    if tuple(samples.shape[1:]) != tuple(shape) or samples.ndim != len(shape) + 1:
        expected = ", ".join(["batch", *map(str, shape)])
        raise InputError(f"{name} has shape {tuple(samples.shape)}: this player takes ({expected})")


def _nearest_usable(height: int, width: int) -> tuple[int, int]:
    """The usable (height, width) at the smallest total distance, the largest of several."""
    height, width = max(height, 1), max(width, 1)
    for distance in itertools.count():
        found = [
            (height + up, width + across)
            for up in range(-distance, distance + 1)
            for across in {distance - abs(up), abs(up) - distance}
            if _is_usable(height + up, width + across)
        ]
        if found:
            return max(found, key=lambda size: (sum(size), size))
    raise AssertionError("4x4 is usable")
