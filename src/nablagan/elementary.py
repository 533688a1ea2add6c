"""Operations that can be differentiated any number of times, in place of native kernels that cannot.

PyTorch's native layer, instance and batch normalisation give silently wrong derivatives in reverse over forward and
from the third order (off by 10-40 %; pytorch#196699, #196700); weight normalisation has no forward mode; fused
attention has one derivative. Their values are made here of elementary operations, which compose to any order.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack


class Elementary(TorchFunctionMode):
    """Within it normalisations are made of elementary operations, and batch normalisation moves no running statistics.

    It sees the functions of torch.nn.functional and those of torch below them, whoever calls them.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        function = _ELEMENTARY.get(func) or func
        return function(*args, **(kwargs or {}))


def is_elementary() -> bool:
    """Whether the caller runs within `Elementary`."""
    return any(isinstance(mode, Elementary) for mode in _get_current_function_mode_stack())


@contextmanager
def plain_attention() -> Iterator[None]:
    """Within it attention is softmax(QK^T / sqrt(d)) V in plain operations, which have derivatives of any order.

    The fused kernels have one derivative and no forward mode (pytorch#116350, #98164). A graph that is built within
    stays differentiable outside.
    """
    with sdpa_kernel(SDPBackend.MATH):
        yield


def standardised(x: Tensor, axes: Sequence[int], eps: float) -> Tensor:
    """(x - mean) / sqrt(variance + eps) over the axes, their variance divided by the count."""
    axes = list(axes)
    x = x - x.mean(axes, keepdim=True)
    return x * torch.rsqrt(x.square().mean(axes, keepdim=True) + eps)


def _layer_norm(
    x: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    x = standardised(x, range(-len(normalized_shape), 0), eps)
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not training:
        return functional.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    return _affine(standardised(x, (0, *range(2, x.ndim)), eps), weight, bias)


def _instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not use_input_stats:
        return functional.instance_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    return _affine(standardised(x, range(2, x.ndim), eps), weight, bias)


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / ||v||, the norm over all axes but `dim` (over all for -1)."""
    axes = [axis for axis in range(v.ndim) if dim == -1 or axis != dim]
    return v * (g / v.square().sum(axes, keepdim=True).sqrt())


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x with a gain and an offset for each channel, (batch, channels, ...)."""
    shape = (-1, *[1] * (x.ndim - 2))
    x = x if weight is None else x * weight.view(shape)
    return x if bias is None else x + bias.view(shape)


def _torch_layer_norm(
    x: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    return _layer_norm(x, normalized_shape, weight, bias, eps)


def _torch_batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    return _batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)


def _torch_instance_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    return _instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


_ELEMENTARY: dict[Any, Callable[..., Tensor]] = {
    functional.layer_norm: _layer_norm,
    functional.batch_norm: _batch_norm,
    functional.instance_norm: _instance_norm,
    torch.layer_norm: _torch_layer_norm,
    torch.batch_norm: _torch_batch_norm,
    torch.instance_norm: _torch_instance_norm,
    torch._weight_norm: _weight_norm,  # pyright: ignore[reportPrivateImportUsage]
}
