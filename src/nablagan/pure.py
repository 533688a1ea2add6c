"""Players as functions of a flat vector of parameters, with everything in them that moves by itself held still."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from nablagan.types import InputError


def trainable(player: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that the player moves, by name: those that require a gradient, a shared one once."""
    return {name: p for name, p in player.named_parameters() if p.requires_grad}


def at(player: nn.Module, flat: Tensor) -> Callable[..., Any]:
    """The player as a function, at trainable parameters given as a flat vector (n,) and copies of its buffers."""

    def call(*arguments: Any) -> Any:
        parameters = trainable(player)
        parts = flat.split([p.numel() for p in parameters.values()])
        now = {id(p): part.view_as(p) for p, part in zip(parameters.values(), parts, strict=True)}
        now |= {id(buffer): buffer.clone() for buffer in player.buffers()}
        state = {name: now[id(tensor)] for name, tensor in places(player) if id(tensor) in now}
        return torch.func.functional_call(player, state, arguments, tie_weights=False)

    return call


def places(player: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer: a shared tensor at each module that has it, a shared module once.

    functional_call's own ties replace a shared module's tensors twice, and put the replacement back, not the original.
    """
    for prefix, module in player.named_modules():
        yield from module.named_parameters(prefix, recurse=False, remove_duplicate=False)
        yield from module.named_buffers(prefix, recurse=False, remove_duplicate=False)


@contextmanager
def frozen(*players: nn.Module) -> Iterator[None]:
    """Within it the players, called through `at`, are differentiable functions that give the same value at every call.

    Parametrizations (spectral normalisation's power iteration) stand still and count as constants; random layers such
    as dropout draw from one seed; normalisations are computed as in `Elementary`. Flags and random states are restored.
    Raises InputError for the hook of torch.nn.utils.spectral_norm, which cannot be held still.
    """
    modules = [module for player in players for module in player.modules()]
    for module in modules:
        if any(type(hook).__name__ == "SpectralNorm" for hook in module._forward_pre_hooks.values()):
            raise InputError(
                f"{type(module).__name__} uses torch.nn.utils.spectral_norm, which cannot be held still: "
                "use torch.nn.utils.parametrizations.spectral_norm"
            )
    lists = [module for module in modules if isinstance(module, parametrize.ParametrizationList)]
    with ExitStack() as restored:
        for part in {part for parametrizations in lists for part in parametrizations.modules() if part.training}:
            part.training = False
            restored.callback(setattr, part, "training", True)
        restored.enter_context(seeded_draws(players, 0))
        restored.enter_context(Elementary())
        yield


@contextmanager
def seeded_draws(players: tuple[nn.Module, ...], seed: int) -> Iterator[None]:
    """Random draws on the players' devices start from `seed`, and leave the caller's generators alone."""
    devices = {p.device.index for player in players for p in player.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(devices)):
        for generator in [torch.default_generator, *(torch.cuda.default_generators[index] for index in devices)]:
            generator.manual_seed(seed)
        yield


class Elementary(TorchFunctionMode):
    """Within it normalisations are made of elementary operations, whose derivatives of any order are right.

    Native layer, instance and batch normalisation give silently wrong third derivatives, such as Jacobian products of a
    loss with a gradient penalty (off by 15 % with LayerNorm; pytorch#196699, #196700), weight normalisation has no
    forward mode, and batch normalisation moves its running statistics, which here it does not.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        function = _ELEMENTARY.get(func) or func
        return function(*args, **(kwargs or {}))


def _layer_norm(
    x: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    x = _standardised(x, tuple(range(-len(normalized_shape), 0)), eps)
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
    return _affine(_standardised(x, (0, *range(2, x.ndim)), eps), weight, bias)


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
    return _affine(_standardised(x, tuple(range(2, x.ndim)), eps), weight, bias)


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / ||v||, the norm over all axes but `dim` (over all for -1)."""
    axes = [axis for axis in range(v.ndim) if dim == -1 or axis != dim]
    return v * (g / v.square().sum(axes, keepdim=True).sqrt())


def _standardised(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    x = x - x.mean(axes, keepdim=True)
    return x * torch.rsqrt(x.square().mean(axes, keepdim=True) + eps)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x with a gain and an offset for each channel, (batch, channels, ...)."""
    shape = (-1, *[1] * (x.ndim - 2))
    x = x if weight is None else x * weight.view(shape)
    return x if bias is None else x + bias.view(shape)


_ELEMENTARY: dict[Any, Callable[..., Tensor]] = {
    functional.layer_norm: _layer_norm,
    functional.batch_norm: _batch_norm,
    functional.instance_norm: _instance_norm,
    torch._weight_norm: _weight_norm,  # pyright: ignore[reportPrivateImportUsage]
}
