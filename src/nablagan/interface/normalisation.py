"""Gradient normalisation at the interface of generator and discriminator (Adversarial Flow Models, Lin et al. 2025)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nablagan.types import InputError


class GradientNormalisation:
    """samples -> the same samples, whose gradient is rescaled on its way back to the generator.

    The gradient g (n numbers) of the whole batch becomes scale g / sqrt(m), m the running mean of n ||g||^2. Its root
    mean square is then scale / n on average: scale 1 is as strong as a mean absolute error, averaged over all numbers,
    whatever the discriminator's slope or a factor on its loss. So no adversarial weight has to be found.

    A factor that has a meaning, such as that of a loss scaler, is undone too: train in bfloat16 or float32, or multiply
    `scale` by it. The running mean moves at each backward pass through it, one a step; a gradient that is not finite
    passes as it is and is not remembered. State: `state_dict`, `load_state_dict`. Differentiating twice through it, and
    the transforms of torch.func, raise InputError: its backward pass is not the derivative of anything.

    >>> samples = torch.zeros(4, 5, requires_grad=True)
    >>> (1000 * GradientNormalisation()(samples)).sum().backward()
    >>> samples.grad.sum()
    tensor(1.)
    """

    def __init__(self, decay: float = 0.9, mean: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> None:
        """`mean` averages a tensor over processes. Raises InputError for a decay outside [0, 1)."""
        if not 0 <= decay < 1:
            raise InputError(f"the decay of the gradient's running mean is {decay}: give a number in [0, 1)")
        self.decay, self.mean = decay, mean
        self.square: Tensor | None = None
        """Sum over past gradients of decay^age (1 - decay) n ||g||^2, a scalar in float32 or better."""
        self.filling: Tensor | None = None
        """The same sum of weights alone, 1 - decay^count."""

    def __call__(self, samples: Tensor, scale: float = 1.0) -> Tensor:
        """The samples; any shape. Raises InputError inside a transform of torch.func."""
        if torch._C._functorch.maybe_current_level() is not None:  # pyright: ignore[reportAttributeAccessIssue]
            raise InputError("gradient normalisation has no derivative: leave it out of torch.func's transforms")
        return _Rescaled.apply(samples, self, scale)  # pyright: ignore[reportReturnType]

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed training needs; empty before the first backward pass."""
        if self.square is None or self.filling is None:
            return {}
        return {"square": self.square.clone(), "filling": self.filling.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` gave. Raises InputError for other names."""
        if set(state) not in (set(), {"square", "filling"}):
            raise InputError(f"the state of a gradient normalisation has no {sorted(state)}: give its own state_dict()")
        self.square, self.filling = (state[name].clone() if state else None for name in ("square", "filling"))

    def rescaled(self, gradient: Tensor, scale: float) -> Tensor:
        """The gradient times scale / sqrt(m); m takes it into account first."""
        # Unlike the paper's code: m is divided by the weights seen so far (as Adam does), since it starts from nothing.
        wide = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
        square = self.mean(wide.square().sum() * wide.numel())
        before = torch.zeros_like(square) if self.square is None else self.square.to(square)
        filled = torch.zeros_like(square) if self.filling is None else self.filling.to(square)
        finite = square.isfinite()
        self.square = torch.where(finite, self.decay * before + (1 - self.decay) * square, before)
        self.filling = torch.where(finite, self.decay * filled + (1 - self.decay), filled)
        root = (self.square / self.filling).sqrt()
        factor = torch.where(finite & (self.square > 0), scale / root, 1.0)
        return (wide * factor).to(gradient.dtype)


class _Rescaled(torch.autograd.Function):
    """The identity forwards, `GradientNormalisation.rescaled` backwards."""

    @staticmethod
    def forward(ctx: Any, samples: Tensor, normalisation: GradientNormalisation, scale: float) -> Tensor:
        ctx.normalisation, ctx.scale = normalisation, scale
        return samples.view_as(samples)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():
            raise InputError(
                "gradient normalisation cannot be differentiated twice: leave out create_graph=True, or itself"
            )
        return ctx.normalisation.rescaled(gradients[0], ctx.scale), None, None
