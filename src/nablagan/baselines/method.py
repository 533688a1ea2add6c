"""What a generative model that is trained by one loss consists of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nablagan.types import InputError


@dataclass(frozen=True)
class Sampler:
    """A way to draw samples from a trained module."""

    name: str
    steps: int
    """Passes through the net for one sample."""
    draw: Callable[[nn.Module, tuple[int, ...], int, torch.Generator], Tensor]
    """(module, shape, count, generator on the CPU) -> (count, *shape) on the module's device."""


@dataclass(frozen=True)
class Method:
    """A model's net, its loss and the ways to sample from it."""

    name: str
    build: Callable[[tuple[int, ...], int], nn.Module]
    """(shape, width) -> the net, with the weights of torch's global generator."""
    loss: Callable[[nn.Module, Tensor, torch.Generator], Tensor]
    """(module, images (batch, *shape), generator on the CPU) -> (batch,), to be minimised."""
    samplers: tuple[Sampler, ...]
    sampling_net: Callable[[nn.Module], nn.Module]
    """The part of the module that samples are made by."""
    nets: int
    """How many nets see each image in training."""
    learning_rate: float = 1e-3


def noise_like(images: Tensor, draws: torch.Generator) -> Tensor:
    """Standard normal draws shaped like the images, made on the CPU so that every device sees the same ones."""
    return torch.randn(images.shape, generator=draws, dtype=images.dtype).to(images.device)


def starting_noise(module: nn.Module, shape: tuple[int, ...], count: int, draws: torch.Generator) -> Tensor:
    """(count, *shape) standard normal draws on the module's device."""
    parameter = next(module.parameters())
    return torch.randn(count, *shape, generator=draws, dtype=parameter.dtype).to(parameter.device)


def check_steps(steps: int) -> None:
    """Raise InputError for fewer than one step of a sampler."""
    if steps < 1:
        raise InputError(f"a sampler with {steps} steps: give a number >= 1")
