"""What PyTorch cannot differentiate, told as wrong input: where, what, why, and what to do instead.

Its own errors name a kernel (`_cdist_backward`), neither the module that called it nor a remedy.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import TracebackType

from torch import nn

from nablagan.types import InputError

_NO_SECOND = re.compile(r"derivative for '?(?:aten::)?(\w+)'? is not implemented")
_NO_FORWARD = re.compile(r"forward AD with (\w+) that does not support it")
_KERNELS = {
    "grid_sampler": "grid_sample",
    "cdist": "cdist",
    "glu": "glu",
    "scaled_dot_product": "a fused attention kernel",
    "native_multi_head_attention": "a fused attention kernel",
}
_FUNCTIONS = "an autograd.Function that torch.func cannot transform (a reentrant checkpoint is one)"
_REASONS = (
    ("must override the setup_context", f"uses {_FUNCTIONS}", "give it a setup_context, and checkpoint nothing there"),
    ("must implement the jvp function", "uses an autograd.Function without forward mode", "give it a jvp"),
    (
        "don't yet support saved tensor hooks",
        "saves tensors by hooks, as checkpoints do, which torch.func does not support",
        "checkpoint nothing where a gradient penalty or a product of a game passes",
    ),
    (
        "checkpoint is incompatible with .grad()",
        "uses a reentrant checkpoint, which gradients for chosen parameters do not support",
        "give the checkpoint use_reentrant=False",
    ),
)
"""(part of PyTorch's message, what is wrong, the remedy)."""


@contextmanager
def explained(*players: nn.Module) -> Iterator[None]:
    """Within it PyTorch's errors for missing derivatives become InputError; other exceptions pass as they are.

    The module is that of the players in whose forward it happened; behind a backward nobody knows it any more.
    """
    try:
        yield
    except RuntimeError as error:  # NotImplementedError is one
        told = explanation(str(error))
        if told is None:
            raise
        reason, remedy = told
        raise InputError(f"{_place(players, error.__traceback__)} {reason}: {remedy}") from error


def explanation(message: str) -> tuple[str, str] | None:
    """(what is wrong, the remedy) for an error of PyTorch's, None if it is about something else.

    >>> explanation("the derivative for '_cdist_backward' is not implemented.")[0]
    'calls cdist, which has no second derivative in PyTorch'
    """
    for pattern, lack in ((_NO_FORWARD, "no forward mode"), (_NO_SECOND, "no second derivative")):
        if found := pattern.search(message):
            lack = "no derivative of its forward mode" if "jvp" in found[1] else lack
            remedy = "use elementary operations instead, or a penalty with method=aligned_fd (first derivatives only)"
            return f"calls {_public(found[1])}, which has {lack} in PyTorch", remedy
    return next(((reason, remedy) for part, reason, remedy in _REASONS if part in message), None)


def _public(kernel: str) -> str:
    """What people call it by."""
    return next((name for part, name in _KERNELS.items() if part in kernel), kernel)


def _place(players: tuple[nn.Module, ...], traceback: TracebackType | None) -> str:
    """The innermost module of the players whose forward the traceback passes through."""
    paths = {id(part): (path, part) for player in players for path, part in player.named_modules()}
    selves = [id(frame.f_locals.get("self")) for frame, _ in walk_tb(traceback)]
    for place in reversed([place for place in selves if place in paths]):
        path, part = paths[place]
        return f"the player's {path} ({type(part).__name__})" if path else f"the player ({type(part).__name__})"
    return "a player"
