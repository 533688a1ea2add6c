"""Normalisations of elementary operations, in place of native ones: their derivatives of any order are right."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nablagan.elementary import standardised
from nablagan.types import InputError


class ComposedLayerNorm(nn.Module):
    """nn.LayerNorm of elementary operations: the same values, names of weights and arguments, right derivatives.

    PyTorch's own kernel is silently wrong in reverse over forward (`penalties.aligned_jvp`) and from the third order.
    Statistics are in float32 or better, over the last axes, `normalized_shape`; the result has the input's dtype.
    Raises InputError for an input that does not end in that shape.

    >>> x = torch.arange(12.0).view(2, 6)
    >>> torch.allclose(ComposedLayerNorm(6)(x), nn.LayerNorm(6)(x))
    True
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.weight = nn.Parameter(torch.ones(shape)) if elementwise_affine else None
        self.bias = nn.Parameter(torch.zeros(shape)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[-len(self.normalized_shape) :]) != self.normalized_shape:
            raise InputError(
                f"a layer norm of {self.normalized_shape} was given {tuple(x.shape)}: its last axes differ"
            )
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return scaled(standardised(wide, range(-len(self.normalized_shape), 0), self.eps), self).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class ComposedInstanceNorm(nn.Module):
    """nn.InstanceNorm1d, 2d or 3d without running statistics, of elementary operations: as `ComposedLayerNorm`.

    (batch, features, *axes) or (features, *axes) with that many `axes`. Raises InputError for another shape.
    """

    def __init__(self, num_features: int, axes: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__()
        self.num_features, self.axes, self.eps, self.affine = num_features, axes, eps, affine
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in (self.axes + 1, self.axes + 2) or x.shape[-self.axes - 1] != self.num_features:
            expected = f"{self.num_features} features and {self.axes} axes"
            raise InputError(f"an instance norm of {expected} was given {tuple(x.shape)}: they do not fit")
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return scaled(standardised(wide, range(-self.axes, 0), self.eps), self, self.axes).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.num_features}, axes={self.axes}, eps={self.eps}, affine={self.affine}"


def scaled(x: Tensor, norm: Any, axes: int = 0) -> Tensor:
    """x times the norm's weight, plus its bias, where it has them; `axes` of x come after those of the weight."""
    for change, parameter in ((torch.mul, norm.weight), (torch.add, norm.bias)):
        x = x if parameter is None else change(x, parameter.to(x.dtype).view(*parameter.shape, *[1] * axes))
    return x


def replace_norms(module: nn.Module) -> nn.Module:
    """The module with every nn.LayerNorm, and nn.InstanceNorm on its own statistics, made of elementary operations.

    In place, so that optimisers keep their parameters: those of a replaced norm move on as they are, and so does its
    name in `state_dict`; hooks on it stay behind. A module that is itself such a norm is returned as another one. Left
    alone: subclasses, whose forward may differ; InstanceNorm that tracks running statistics; BatchNorm, which couples
    samples.

    >>> replace_norms(nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3)))[1]
    ComposedLayerNorm((3,), eps=1e-05, elementwise_affine=True)
    """
    made: dict[nn.Module, nn.Module] = {}
    for parent in list(module.modules()):
        for name, child in list(parent._modules.items()):
            if child is not None and _is_replaceable(child):
                parent._modules[name] = made.setdefault(child, _composed(child))
    return _composed(module) if _is_replaceable(module) else module


def _is_replaceable(module: nn.Module) -> bool:
    own = type(module) in _AXES and not module.track_running_stats
    return own or type(module) is nn.LayerNorm


def _composed(norm: Any) -> nn.Module:
    """The composed norm with the very parameters of a native one."""
    if isinstance(norm, nn.LayerNorm):
        made = ComposedLayerNorm(norm.normalized_shape, norm.eps, elementwise_affine=False)
        made.elementwise_affine = norm.elementwise_affine
    else:
        made = ComposedInstanceNorm(norm.num_features, _AXES[type(norm)], norm.eps)
        made.affine = norm.affine
    made.weight, made.bias = norm.weight, norm.bias
    return made.train(norm.training)


_AXES = {nn.InstanceNorm1d: 1, nn.InstanceNorm2d: 2, nn.InstanceNorm3d: 3}
