"""A difference of logits along a known direction whose graph is built when the gradient is asked for, and freed then.

In a live step the slope along the aligned direction is known before anything is displaced: it is ||grad_x D||. What is
missing is its derivative in the parameters, and its logits are judged in the backward pass, one side after the other:
the memory of one side at a time, no graph beside the loss's, and a value without the error of a difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nablagan.penalties.judging import bare, module_of
from nablagan.penalties.points import Points
from nablagan.types import Discriminator, InputError

_MAY_WAIT: ContextVar[bool] = ContextVar("may_wait", default=True)
Side = tuple[Tensor, float]
"""(images, factor): a logit is judged there and enters the slope with that factor."""


def can_wait(discriminator: Discriminator, points: Points) -> bool:
    """Whether the gradient goes to the parameters of a module only, outside of transforms: they can be named."""
    alive = torch.is_grad_enabled() and not transformed() and not points.images.requires_grad
    return alive and waits() and module_of(discriminator) is not None


def waits() -> bool:
    """Whether differences may wait for the backward pass: not within `at_once`."""
    return _MAY_WAIT.get()


@contextmanager
def at_once() -> Iterator[None]:
    """Within it nothing waits: the value is the difference that the gradient is of, for a check that compares them.

    `waits` says so to the default steps too: they are those of float32, as the check takes differences of these.
    """
    token = _MAY_WAIT.set(False)
    try:
        yield
    finally:
        _MAY_WAIT.reset(token)


def transformed() -> bool:
    """Whether a transform of torch.func is under way."""
    return torch._C._functorch.maybe_current_level() is not None  # pyright: ignore[reportAttributeAccessIssue]


def deferred(
    discriminator: Discriminator, points: Points, value: Tensor, sides: list[Side], here: Side | None = None
) -> Tensor:
    """`value` (batch,), with the derivative of the sum of factor * D(images) over the sides in the parameters.

    `here` adds logits that have been judged already, (logits, factor). create_graph=True raises InputError.
    """
    module = module_of(discriminator)
    assert module is not None, "can_wait asks for it"
    parameters = [p for p in module.parameters() if p.requires_grad]
    judge = bare(discriminator)
    logits, factor = here if here is not None else (None, 0.0)
    return _Deferred.apply(value, logits, factor, lambda x: judge(x, points.pair.label), module, sides, *parameters)


class _Deferred(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, logits: Any, factor: float, judge: Any, *rest: Any) -> Tensor:
        module, sides, *parameters = rest
        ctx.factor = None if logits is None else factor
        ctx.judge, ctx.module, ctx.sides = judge, module, sides
        ctx.parameters = parameters
        ctx.save_for_backward(*parameters)  # for its check that nobody has moved them meanwhile
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():
            raise InputError(
                "a penalty by aligned differences was differentiated with create_graph=True, and it has no second "
                "derivative outside of a game's products: use them, or method=double_backward"
            )
        (gradient,), _ = gradients, ctx.saved_tensors
        total: list[Any] = [None] * len(ctx.parameters)
        with still(ctx.module):
            for images, factor in ctx.sides:
                _add(total, _pulled_back(ctx.judge, images, ctx.parameters, factor * gradient))
        here = None if ctx.factor is None else ctx.factor * gradient
        return None, here, None, None, None, None, *total


def _pulled_back(judge: Any, images: Tensor, parameters: list[Tensor], weights: Tensor) -> list[Any]:
    """The gradient of the weighted sum of the logits in each parameter, None where it has no part."""
    with torch.enable_grad():
        logits = judge(images)
    return list(torch.autograd.grad(logits, parameters, weights.to(logits.dtype), allow_unused=True))


def _add(total: list[Any], found: list[Any]) -> None:
    """Add what was found, letting go of it term by term; not in place, as gradients may share memory."""
    for index in range(len(total)):
        term, found[index] = found[index], None
        if term is not None:
            total[index] = term if total[index] is None else total[index] + term


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """Within it parametrizations (spectral normalisation's power iteration) do not move: all sides see one weight."""
    lists = [part for part in module.modules() if isinstance(part, parametrize.ParametrizationList)]
    moving = {part for parametrizations in lists for part in parametrizations.modules() if part.training}
    for part in moving:
        part.training = False
    try:
        yield
    finally:
        for part in moving:
            part.training = True
