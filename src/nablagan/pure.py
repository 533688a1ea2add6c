"""Players as functions of a flat vector of parameters, with everything in them that moves by itself held still."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nablagan.elementary import Elementary, plain_attention
from nablagan.refusals import explained
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
    as dropout draw from one seed; normalisations are computed as in `Elementary`, attention as in `plain_attention`.
    Flags and random states are restored. Raises InputError for the hook of torch.nn.utils.spectral_norm, which cannot
    be held still, and for what PyTorch cannot differentiate so (`refusals.explained`).
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
        restored.enter_context(explained(*players))
        restored.enter_context(plain_attention())
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
