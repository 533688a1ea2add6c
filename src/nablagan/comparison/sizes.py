"""Nets of equal size: the width at which a net has nearest to a number of parameters."""

from collections.abc import Callable

import torch
from torch import nn

from nablagan.players import parameter_count
from nablagan.types import InputError

STEP = 2
"""Between widths: group normalisation takes even ones."""
LARGEST = 4096


def fitted_width(build: Callable[[int], nn.Module], parameters: int) -> int:
    """The even width at which `build(width)` has the number of parameters nearest to `parameters`, by bisection.

    The number must grow with the width. Weights are drawn and thrown away; torch's generator is left alone. Raises
    InputError where even the widest net is too small.
    """

    def count(width: int) -> int:
        with torch.random.fork_rng(devices=[]):
            return parameter_count(build(width))

    low, high = STEP, 2 * STEP
    while count(high) < parameters:
        low, high = high, 2 * high
        if high > LARGEST:
            raise InputError(f"no net of width {LARGEST} has {parameters:,} parameters: compare smaller ones")
    while high - low > STEP:
        middle = (low + high) // 2 // STEP * STEP
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return min((low, high), key=lambda width: abs(count(width) - parameters))
