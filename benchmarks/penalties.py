"""What does each way to the slope of the discriminator cost, and how wrong is it?

    python benchmarks/penalties.py [--rounds 5] [--batch 32] [--size 32] [--threads 2] [--json]

One step is the gradient of the relativistic discriminator loss + R1, as a game gives it to an update, on a
convolutional discriminator (GroupNorm, SiLU) and random images. `time` and `memory` are ratios to the same step without
a penalty: the shortest of rounds in which all methods take turns (other jobs only lengthen it), and the peak of
allocated tensor memory (PyTorch's own allocator on CUDA; on CPU the sum that its profiler reports, parameters and
inputs not counted); `of double`: to the step with double backward. `value error` and `gradient error` are relative to
double backward in float64 with the same weights: of the mean of the penalty, and of its gradient in all parameters. In
bfloat16 weights, images and logits are bfloat16. Methods with random directions err by their variance on one batch.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from nablagan import losses, penalties, tasks
from nablagan.types import Batch, Pair, Penalty

METHODS: dict[str, Any] = {
    "double_backward": penalties.double_backward,
    "aligned_jvp": penalties.aligned_jvp,
    "aligned_fd": penalties.aligned_fd,
    "aligned_forward_fd": penalties.aligned_forward_fd,
    "random_jvp K=1": penalties.random_jvp(1),
    "random_jvp K=4": penalties.random_jvp(4),
    "random_fd 0.01": penalties.random_fd(0.01),
    "random_fd 0.1": penalties.random_fd(0.1),
}
Step = Callable[[], tuple[Tensor, ...]]


class Discriminator(nn.Module):
    """(batch, 3, size, size) -> logits (batch,): three convolutions that halve, and a linear layer."""

    def __init__(self, size: int, width: int = 32) -> None:
        super().__init__()
        stages = [nn.Conv2d(3, width, 3, padding=1), nn.SiLU()]
        for doubling in range(3):
            inputs = width << doubling
            stages += [nn.Conv2d(inputs, 2 * inputs, 3, 2, 1), nn.GroupNorm(8, 2 * inputs), nn.SiLU()]
        self.body = nn.Sequential(*stages, nn.Flatten(), nn.Linear(8 * width * (size // 8) ** 2, 1))

    def forward(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self.body(images).squeeze(1)


def step_of(discriminator: nn.Module, pair: Pair, penalty: Penalty | None) -> Step:
    """The gradient of the discriminator's loss with that penalty at weight 1, as an update asks a game for it."""
    game = tasks.generation(nn.Identity(), discriminator, losses.relativistic, {penalty: 1.0} if penalty else None)
    batch = Batch(pair.real, pair.key if pair.key is not None else pair.real)
    return lambda: game.discriminator_gradient(batch, pair.fake).tensors


def seconds(step: Step, device: str) -> float:
    """Of one step."""
    started = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def peak_bytes(step: Step, device: str) -> float:
    """The most memory that one step holds above what was held before it."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    held = peak = 0
    for event in seen.profiler.kineto_results.events():  # pyright: ignore[reportOptionalMemberAccess]
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def slope_of(discriminator: nn.Module, pair: Pair, penalty: Penalty) -> tuple[Tensor, Tensor]:
    """Mean and flat parameter gradient of the penalty, in float64."""
    value = penalty(discriminator, pair).mean()
    parts = torch.autograd.grad(value, list(discriminator.parameters()), materialize_grads=True)
    return value.detach().double(), torch.cat([part.flatten().double() for part in parts])


def relative(found: Tensor, exact: Tensor) -> float:
    return ((found - exact).norm() / exact.norm()).item()


def rows(arguments: argparse.Namespace, dtype: torch.dtype) -> Iterator[dict[str, Any]]:
    """One row a method."""
    torch.manual_seed(0)
    device = arguments.device
    shape = arguments.batch, 3, arguments.size, arguments.size
    real, fake, key = torch.randn(shape), torch.randn(shape), torch.randn(arguments.batch, 8)
    exact = Discriminator(arguments.size).to(device, torch.float64)
    discriminator = copy.deepcopy(exact).to(dtype)
    pair = Pair(*(t.to(device, dtype) for t in (real, fake)), key=key.to(device))
    reference = slope_of(exact, Pair(real.to(device).double(), fake.to(device).double()), penalties.r1)
    chosen = {"no penalty": None} | {name: partial(penalties.r1, method=m) for name, m in METHODS.items()}
    steps = {name: step_of(discriminator, pair, penalty) for name, penalty in chosen.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():  # warm up
        step()
    for _ in range(arguments.rounds):
        for name, step in steps.items():
            times[name].append(seconds(step, device))
    memory = {name: peak_bytes(step, device) for name, step in steps.items()}
    for name, penalty in chosen.items():
        row: dict[str, Any] = {"dtype": str(dtype).removeprefix("torch."), "method": name}
        for what, base in (("", "no penalty"), (" of double", "double_backward")):
            row[f"time{what}"] = round(min(times[name]) / min(times[base]), 2)
            row[f"memory{what}"] = round(memory[name] / memory[base], 2)
        if penalty:
            found = slope_of(discriminator, pair, penalty)
            errors = [relative(one, other) for one, other in zip(found, reference, strict=True)]
            row |= dict(zip(("value error", "gradient error"), (float(f"{e:.1e}") for e in errors), strict=True))
        yield row


def main() -> None:
    """Print a row a method and dtype."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="timed steps of each method (default 5)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=32, help="of the images, a multiple of 8 (default 32)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    names = ("dtype", "method", "time", "memory", "time of double", "memory of double", "value error", "gradient error")
    if not arguments.json:
        print("".join(f"{name:<19}" for name in names))
    for dtype in (torch.float32, torch.bfloat16):
        for row in rows(arguments, dtype):
            print(json.dumps(row) if arguments.json else "".join(f"{row.get(name, ''):<19}" for name in names))


if __name__ == "__main__":
    main()
