"""Everything in float64: a copy of the players, a batch, and what they make while they run."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from nablagan.types import Batch, InputError

_LOW = (torch.float32, torch.float16, torch.bfloat16)
_CASTS = (Tensor.float, Tensor.half, Tensor.bfloat16)


def players_in_double(players: tuple[nn.Module, ...]) -> tuple[nn.Module, ...]:
    """Copies in float64 whose power iterations stand still; what the players share, the copies share.

    Raises InputError for players that cannot be copied.
    """
    attributes = [value for player in players for module in player.modules() for value in vars(module).values()]
    computed = [value for value in attributes if isinstance(value, Tensor) and not value.is_leaf]
    try:
        with torch.no_grad():
            copies = copy.deepcopy(players, {id(value): value.clone() for value in computed})
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the players cannot be copied ({reason}), so their derivatives cannot be checked") from error
    for module in {module for player in copies for module in player.double().modules()}:
        if isinstance(module, parametrize.ParametrizationList):
            module.eval()
        if any(type(hook).__name__ == "SpectralNorm" for hook in module._forward_pre_hooks.values()):
            module.training = False
    return copies


def batch_in_double(batch: Batch, rows: int) -> Batch:
    """The first rows of the batch, floating-point numbers in float64."""
    first = batch.rows(slice(rows))
    floating = {n: v for n, v in first._asdict().items() if isinstance(v, Tensor) and v.is_floating_point()}
    return first._replace(**{name: value.double() for name, value in floating.items()})


@contextmanager
def in_double() -> Iterator[None]:
    """Within it casts to a lower precision, and new tensors without a stated dtype, are float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _InDouble():
            yield
    finally:
        torch.set_default_dtype(before)


class _InDouble(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _CASTS:
            return args[0].double()
        kwargs = kwargs or {}
        if any(isinstance(value, Tensor) and value.dtype == torch.float64 for value in args):
            args = tuple(map(_raised, args))  # a constant of the game's, beside what is computed
        return func(*map(_widened, args), **{name: _widened(value) for name, value in kwargs.items()})


def _raised(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.dtype in _LOW else value


def _widened(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in _LOW else value
