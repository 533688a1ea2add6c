"""Discriminators on which a way to find the slope would be silently wrong are refused.

A module, or a wrapper that holds it as its attribute `discriminator`, is looked into before it is called; a plain
function is refused when it calls what is wrong. The pure products of a game are right in any case: there normalisations
are elementary operations and dropout repeats.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.overrides import TorchFunctionMode

from nablagan.elementary import is_elementary, plain_attention
from nablagan.penalties.judging import module_of
from nablagan.refusals import explained
from nablagan.types import Discriminator, InputError

REMEDY = "use players.layers.replace_norms(discriminator), or nn.GroupNorm or nn.RMSNorm there"
OTHERWISE = ", or method=double_backward or aligned_fd"


def check_reverse_over_forward(discriminator: Discriminator, method: str, otherwise: str = OTHERWISE) -> None:
    """Raise InputError for normalisations whose native kernel PyTorch differentiates wrongly in reverse over forward.

    LayerNorm, InstanceNorm and BatchNorm on batch statistics: errors of 10-40 % without a message
    (pytorch#196699, #196700).
    """
    reason = f"whose derivative PyTorch gets wrong behind forward mode, which {method} uses"
    _refuse(discriminator, uses_own_statistics, f"{reason}: {REMEDY}{otherwise}")


def check_differences(discriminator: Discriminator, method: str) -> None:
    """Raise InputError for active dropout: a difference of two logits would be that of two masks."""
    _refuse(
        discriminator,
        is_active_dropout,
        f"whose masks differ between the logits that {method} subtracts: "
        "remove it or put it in evaluation mode, or use method=double_backward",
    )


def uses_own_statistics(module: nn.Module) -> bool:
    """Whether it is a native normalisation whose third derivatives, and those behind forward mode, are wrong."""
    if isinstance(module, (_BatchNorm, _InstanceNorm)):
        return module.training or not module.track_running_stats
    return isinstance(module, nn.LayerNorm)


def is_active_dropout(module: nn.Module) -> bool:
    """Whether it draws a new mask at each call."""
    return isinstance(module, _DropoutNd) and module.training and module.p > 0


@contextmanager
def forward_mode(discriminator: Discriminator) -> Iterator[None]:
    """Within it a derivative of the discriminator in forward mode can be differentiated again, or InputError is raised.

    Attention is plain, and a call of a native normalisation on its own statistics, which no walk over modules can see,
    is refused when it happens.
    """
    module = module_of(discriminator)
    with ExitStack() as stack:
        stack.enter_context(explained(*([] if module is None else [module])))
        stack.enter_context(plain_attention())
        if not is_elementary():
            stack.enter_context(_Refusing())
        yield


class _Refusing(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _NATIVE and _on_own_statistics(args, kwargs, *_NATIVE[func]):
            raise InputError(
                f"the discriminator calls {func.__name__}, whose derivative PyTorch gets wrong behind forward mode: "
                "use players.layers.ComposedLayerNorm or nn.GroupNorm there, or method=double_backward or aligned_fd"
            )
        return func(*args, **kwargs)


def _on_own_statistics(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str, default: bool) -> bool:
    return bool(args[position] if len(args) > position else kwargs.get(name, default))


_NATIVE: dict[Any, tuple[int, str, bool]] = {
    functional.layer_norm: (1, "normalized_shape", True),
    torch.layer_norm: (1, "normalized_shape", True),
    functional.batch_norm: (5, "training", False),
    torch.batch_norm: (5, "training", False),
    functional.instance_norm: (5, "use_input_stats", True),
    torch.instance_norm: (5, "use_input_stats", True),
}
"""Native normalisations, and the argument (place, name, default) that says whether they take their own statistics."""


def _refuse(discriminator: Discriminator, wrong: Callable[[nn.Module], bool], reason: str) -> None:
    module = module_of(discriminator)
    for path, part in module.named_modules() if module is not None else ():
        if wrong(part):
            where = f"the discriminator's {path}" if path else "the discriminator"
            raise InputError(f"{where} is a {type(part).__name__}, {reason}")
