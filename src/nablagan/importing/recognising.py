"""Which of the original pix2pix and CycleGAN generators a state dict is of, from names and shapes alone.

What weights do not tell: whether a U-Net was trained with dropout (none acts after `eval()`), how a ResNet pads its
borders (the published way, by reflection, is assumed), and the size that was trained at.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from nablagan.players import conditional, original
from nablagan.types import InputError

BLOCK = re.compile(r"model\.(\d+)\.conv_block\.")
UNET_ENTRY, RESNET_ENTRY = "model.model.0.weight", "model.1.weight"
"""The weight of the first convolution."""
NORMS = {"batch": original.batch_norm, "instance": conditional.instance_norm, "no": conditional.without}


@dataclass(frozen=True)
class Architecture:
    """A function of `players.original`, and what it is given."""

    name: str
    """As the original project calls it where it has a name for it: unet_256, resnet_9blocks."""
    norm: str
    """batch, instance or no."""
    build: Callable[..., nn.Module]
    shape: tuple[int, int, int]
    """(channels, height, width) of the images: the published size for this depth."""
    source_shape: tuple[int, int, int]
    options: dict[str, Any]

    def network(self) -> nn.Module:
        """The generator with weights yet to be filled in."""
        return self.build(self.shape, source_shape=self.source_shape, **self.options)


def recognised(state: Mapping[str, Tensor]) -> Architecture:
    """The architecture of a state dict. Raises InputError for that of a discriminator and of any other network."""
    if UNET_ENTRY in state:
        return _unet(state)
    if RESNET_ENTRY in state and any(BLOCK.match(name) for name in state):
        return _resnet(state)
    if "model.0.weight" in state and "model.2.weight" in state:
        raise InputError("these are the weights of a discriminator: give the generator's file, ..._net_G.pth")
    first = next(iter(state), "nothing")
    raise InputError(
        f"no generator of pix2pix or CycleGAN: it has neither {UNET_ENTRY} (U-Net) nor {RESNET_ENTRY} and conv_block "
        f"(ResNet); the first entry is {first}"
    )


def _unet(state: Mapping[str, Tensor]) -> Architecture:
    """Each level of nesting adds `model.1.` or `model.3.` to a name."""
    shape = partial(_shape, state)
    halvings = max(name.count("model.") for name in state) - 1
    inputs, width = shape(UNET_ENTRY)[1], shape(UNET_ENTRY)[0]
    outputs, side = shape("model.model.3.weight")[1], 2**halvings
    norm = _norm(state, "model.model.1.model.2.weight", "model.model.1.model.1.bias")
    options = {"halvings": halvings, "width": width, **_norm_options(norm)}
    return Architecture(f"unet_{side}", norm, original.unet, (outputs, side, side), (inputs, side, side), options)


def _resnet(state: Mapping[str, Tensor]) -> Architecture:
    """Dropout shifts the second convolution of each block by one place."""
    shape = partial(_shape, state)
    numbers = {int(found[1]) for name in state if (found := BLOCK.match(name))}
    blocks, side = len(numbers), 128 if len(numbers) <= 6 else 256
    inputs, width = shape(RESNET_ENTRY)[1], shape(RESNET_ENTRY)[0]
    outputs = shape(f"model.{10 + blocks + 7}.weight")[0]
    norm = _norm(state, "model.2.weight", "model.1.bias")
    dropout = "model.10.conv_block.6.weight" in state and shape("model.10.conv_block.6.weight", None)[2:] == (3, 3)
    options = {"blocks": blocks, "width": width, "dropout": dropout, **_norm_options(norm)}
    shapes = (outputs, side, side), (inputs, side, side)
    return Architecture(f"resnet_{blocks}blocks", norm, original.resnet, *shapes, options)


def _norm(state: Mapping[str, Tensor], weight: str, bias: str) -> str:
    """Batch norm has weights; beside instance norm, which has none, convolutions have biases; without norm neither."""
    if weight in state:
        return "batch"
    return "instance" if bias in state else "no"


def _norm_options(norm: str) -> dict[str, Any]:
    return {"normalisation": NORMS[norm], "bias": norm == "instance"}


def _shape(state: Mapping[str, Tensor], name: str, axes: int | None = 4) -> tuple[int, ...]:
    """The shape of an entry; InputError where it is not there or not a kernel of a convolution."""
    if name not in state:
        raise InputError(f"no generator of pix2pix or CycleGAN: it has no entry {name}")
    found = tuple(state[name].shape)
    if axes is not None and (len(found) != axes or min(found) < 1):
        raise InputError(f"no generator of pix2pix or CycleGAN: {name} has shape {found}, not that of a kernel")
    return found
