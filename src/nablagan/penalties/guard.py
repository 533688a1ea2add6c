"""Discriminators on which a way to find the slope would be silently wrong are refused.

Only a module can be looked into, or a wrapper that holds it as its attribute `discriminator`. The pure products of a
game pass plain functions, in which normalisations are elementary operations and dropout repeats: they are right.
"""

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from nablagan.penalties.judging import module_of
from nablagan.types import Discriminator, InputError


def check_reverse_over_forward(
    discriminator: Discriminator, method: str, otherwise: str = ", or method=double_backward or aligned_fd"
) -> None:
    """Raise InputError for normalisations whose native kernel PyTorch differentiates wrongly in reverse over forward.

    LayerNorm, InstanceNorm and BatchNorm on batch statistics: errors of 10-40 % without a message
    (pytorch#196699, #196700).
    """
    _refuse(
        discriminator,
        _uses_own_statistics,
        f"whose derivative PyTorch gets wrong behind forward mode, which {method} uses: "
        f"use nn.GroupNorm or nn.RMSNorm there{otherwise}",
    )


def check_differences(discriminator: Discriminator, method: str) -> None:
    """Raise InputError for active dropout: a difference of two logits would be that of two masks."""
    _refuse(
        discriminator,
        lambda module: isinstance(module, _DropoutNd) and module.training and module.p > 0,
        f"whose masks differ between the logits that {method} subtracts: "
        "remove it or put it in evaluation mode, or use method=double_backward",
    )


def _uses_own_statistics(module: nn.Module) -> bool:
    if isinstance(module, (_BatchNorm, _InstanceNorm)):
        return module.training or not module.track_running_stats
    return isinstance(module, nn.LayerNorm)


def _refuse(discriminator: Discriminator, wrong: Callable[[nn.Module], bool], reason: str) -> None:
    module = module_of(discriminator)
    for path, part in module.named_modules() if module is not None else ():
        if wrong(part):
            where = f"the discriminator's {path}" if path else "the discriminator"
            raise InputError(f"{where} is a {type(part).__name__}, {reason}")
