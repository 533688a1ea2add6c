"""What PyTorch differentiates right, to which order: a table measured by central differences in float64."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from nablagan.elementary import Elementary, plain_attention

RIGHT, WRONG, ERROR = "right", "**silently wrong**", "error"
ORDERS = ("R1 by double backward", "Hessian product", "forward mode", "backward through forward mode", "Hessian of R1")
STEP, TOLERANCE = 1e-5, 1e-5
SHAPE = (2, 4, 4, 4)

Middle = Callable[[Tensor], Tensor]
Scalar = Callable[[Tensor], Tensor]


def middles() -> dict[str, Callable[[], Middle]]:
    """What is put in the middle of a discriminator, by name: functions of (2, 4, 4, 4) numbers, made when called."""
    return {
        "Linear": lambda: nn.Linear(4, 3),
        "Conv2d": lambda: nn.Conv2d(4, 3, 3, padding=1),
        "ConvTranspose2d": lambda: nn.ConvTranspose2d(4, 3, 3),
        "GroupNorm": lambda: nn.GroupNorm(2, 4),
        "RMSNorm": lambda: nn.RMSNorm(4),
        "LayerNorm": lambda: nn.LayerNorm(4),
        "InstanceNorm2d": lambda: nn.InstanceNorm2d(4),
        "BatchNorm2d, training": lambda: nn.BatchNorm2d(4, track_running_stats=False),
        "weight_norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
        "ReLU": nn.ReLU,
        "LeakyReLU": nn.LeakyReLU,
        "SiLU": nn.SiLU,
        "GELU": nn.GELU,
        "glu": lambda: lambda x: functional.glu(x, 1),
        "AvgPool2d": lambda: nn.AvgPool2d(2),
        "MaxPool2d": lambda: nn.MaxPool2d(2),
        "interpolate": lambda: lambda x: functional.interpolate(x, scale_factor=2.0, mode="bilinear"),
        "ReflectionPad2d": lambda: nn.ReflectionPad2d(1),
        "PixelShuffle": lambda: nn.PixelShuffle(2),
        "LSTM": lambda: _Sequence(nn.LSTM(4, 3, batch_first=True)),
        "GRU": lambda: _Sequence(nn.GRU(4, 3, batch_first=True)),
        "minibatch standard deviation": lambda: lambda x: torch.cat([x, x.std(0, keepdim=True).expand_as(x)], 1),
        "scaled_dot_product_attention": lambda: lambda x: functional.scaled_dot_product_attention(x, x, x),
        "MultiheadAttention": lambda: _Attention(4, 2, batch_first=True),
        "grid_sample": lambda: _grid_sample,
        "cdist": lambda: lambda x: torch.cdist(x, 2 * x.flip(2)),
        "checkpoint(use_reentrant=False)": lambda: lambda x: checkpoint(torch.tanh, x, use_reentrant=False),
    }


def table(inside_nablagan: bool = False) -> dict[str, tuple[str, ...]]:
    """name -> a verdict for each of ORDERS: RIGHT, WRONG (no error, but differences disagree) or ERROR.

    `inside_nablagan`: as in the products of a game, with `Elementary` and `plain_attention`.
    """
    with torch.random.fork_rng(devices=[]):
        return {name: _verdicts(make, inside_nablagan) for name, make in middles().items()}


class _Sequence(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flatten(2).transpose(1, 2))[0]


class _Attention(nn.MultiheadAttention):
    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        tokens = x.flatten(2).transpose(1, 2)
        return super().forward(tokens, tokens, tokens, need_weights=False)[0]


def _grid_sample(x: Tensor) -> Tensor:
    return functional.grid_sample(x, x[:, :2].permute(0, 2, 3, 1).tanh(), align_corners=False)


class _Discriminator:
    """D(w, x) = tanh(m(tanh(w x))) . c, one logit a sample; w are its parameters with those of m, one flat vector."""

    def __init__(self, make: Callable[[], Middle]) -> None:
        torch.manual_seed(0)
        middle = make()
        self.module = middle.double() if isinstance(middle, nn.Module) else None
        self.call = middle
        self.own = {} if self.module is None else dict(self.module.named_parameters())
        self.images = torch.randn(SHAPE, dtype=torch.float64)
        gain = torch.randn(SHAPE[1:], dtype=torch.float64)
        with torch.no_grad():
            self.point = torch.cat([gain.flatten(), *(p.flatten() for p in self.own.values())])
            self.readout = torch.randn(1, 4096, dtype=torch.float64)

    def __call__(self, point: Tensor, images: Tensor) -> Tensor:
        gain, *parts = point.split([math.prod(SHAPE[1:]), *(p.numel() for p in self.own.values())])
        given = torch.tanh(images * gain.view(SHAPE[1:]))
        named = {n: part.view_as(p) for (n, p), part in zip(self.own.items(), parts, strict=True)}
        out = self.call(given) if self.module is None else torch.func.functional_call(self.module, named, (given,))
        features = torch.tanh(out).flatten(1)
        return features @ self.readout[0, : features.shape[1]]


def _verdicts(make: Callable[[], Middle], inside_nablagan: bool) -> tuple[str, ...]:
    judge = _Discriminator(make)
    draw = torch.Generator().manual_seed(1)
    u = torch.randn(judge.point.shape, generator=draw, dtype=torch.float64)
    v = torch.randn(SHAPE, generator=draw, dtype=torch.float64)

    def loss(w: Tensor) -> Tensor:
        return functional.softplus(-judge(w, judge.images)).mean()

    def slope(x: Tensor, w: Tensor) -> Tensor:
        return torch.autograd.grad(judge(w, x).sum(), x, create_graph=True)[0]

    def r1(w: Tensor) -> Tensor:
        return slope(nn.Parameter(judge.images), w).square().sum() / 2

    def along(w: Tensor) -> Tensor:
        return torch.func.jvp(lambda x: judge(w, x), (judge.images,), (v,))[1].square().sum()

    def forward(w: Tensor) -> Tensor:
        return torch.func.jvp(loss, (w,), (u,))[1]

    def loss_gradient(w: Tensor) -> Tensor:
        return _gradient(loss, w)

    cases: tuple[tuple[Callable[[], Tensor], Callable[[Tensor], Tensor]], ...] = (
        (lambda: _gradient(r1, judge.point) @ u, r1),
        (lambda: _gradient(lambda w: _gradient(loss, w, True) @ u, judge.point), loss_gradient),
        (lambda: forward(judge.point), loss),
        (lambda: _gradient(along, judge.point) @ u, along),
        (lambda: _gradient(lambda w: _gradient(r1, w, True) @ u, judge.point), lambda w: _gradient(r1, w)),
    )
    return tuple(_verdict(exact, of, judge.point, u, inside_nablagan) for exact, of in cases)


def _verdict(exact: Callable[[], Tensor], of: Scalar, point: Tensor, u: Tensor, inside_nablagan: bool) -> str:
    """Whether `exact` is the directional derivative of `of`."""
    attention, norms = (plain_attention(), Elementary()) if inside_nablagan else (nullcontext(), nullcontext())
    with attention, norms:
        try:
            found = exact()
            difference = (of(point + STEP * u) - of(point - STEP * u)) / (2 * STEP)
        except RuntimeError:  # NotImplementedError is one
            return ERROR
    with torch.no_grad():
        return RIGHT if (found - difference).norm() <= TOLERANCE * difference.norm() else WRONG


def _gradient(of: Scalar, point: Tensor, keep: bool = False) -> Tensor:
    """By reverse mode; with `keep` itself differentiable."""
    w = point if point.requires_grad else nn.Parameter(point)
    return torch.autograd.grad(of(w), w, create_graph=keep, materialize_grads=True)[0]


def page() -> str:
    """docs/derivatives.md: the table of the installed PyTorch."""
    plain, ours = table(), table(inside_nablagan=True)
    lines = ["| module | " + " | ".join(ORDERS) + " |", "|---" * (len(ORDERS) + 1) + "|"]
    for name, verdicts in plain.items():
        cells = [_cell(was, now) for was, now in zip(verdicts, ours[name], strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return INTRODUCTION.format(version=torch.__version__.split("+")[0]) + "\n".join(lines) + "\n" + READING


def _cell(was: str, now: str) -> str:
    return was if was == now else f"{was} → {now}"


def cells(text: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """name -> (PyTorch's verdict, nablagan's) for each order, from a page."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, *entries = [part.strip() for part in line.strip("| ").split(" | ")]
        if len(entries) == len(ORDERS) and name in middles():
            pairs = (entry.split(" → ") for entry in entries)
            found[name] = tuple((pair[0], pair[-1]) for pair in pairs)
    return found


INTRODUCTION = """# What is differentiated right, to which order

Written by `python benchmarks/derivatives.py` with PyTorch {version} on a CPU; do not edit. Each module stands in the
middle of a small discriminator in float64; each derivative is compared with central differences. "A → B": A in plain
PyTorch, B inside the products of a game (`game.field`, `directional_derivatives`, `jacobian`), where nablagan
computes normalisations and attention in elementary operations.

"""
READING = """
What follows from it:
- Penalties by `double_backward` compute attention without its fused kernels, so R1 is right through attention.
- `aligned_jvp` and `random_jvp` are a backward through forward mode. They compute attention likewise, and refuse
  LayerNorm, InstanceNorm and BatchNorm on their own statistics; `players.layers.replace_norms(discriminator)` makes
  the first two right.
- `aligned_fd` and `random_fd` need first derivatives only and are right through all of them, except that the
  direction of `aligned_fd` is found by `torch.func`, which knows no checkpoints. So do the penalties by
  `double_backward`, for which reason a checkpoint is refused there although the table's plain double backward is
  right.
- What PyTorch refuses is told as an `InputError` with the module, the reason and a remedy.
- BatchNorm is refused in a penalised discriminator in any case: a sample has no gradient of its own there.
- An `autograd.Function` marked `once_differentiable` gives no error under `torch.func` but a wrong second derivative.
  No walk over modules finds it; `derivative_check`, which every training begins with, does.
- Weight normalisation's own second derivative in its weights is silently wrong (`torch.autograd.gradgradcheck` says
  so too); R1 needs none.
"""
