"""Devices and processes: the only file that knows torch.distributed."""

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from nablagan.types import InputError


class LeaderFailed(RuntimeError):
    """Raised in the other processes when the leading one could not do its part."""


@dataclass(frozen=True)
class Engine:
    """Where this process computes, and which of how many it is."""

    device: torch.device
    rank: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over processes: the only collective that training needs."""
        if self.processes == 1:
            return tensor
        summed = tensor.clone()
        dist.all_reduce(summed)
        return summed / self.processes

    def agree(self, number: int) -> int:
        """The largest of every process's `number`; all processes call it at the same step boundary."""
        if self.processes == 1:
            return number
        largest = torch.tensor(number, device=self.device)
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return int(largest)

    def wait(self) -> None:
        """Until every process is here."""
        self.agree(0)

    def lead(self, action: Callable[[], Any]) -> None:
        """The leading process does `action` while the others wait for it.

        What it raises there is raised there; then the others raise LeaderFailed instead of waiting for ever.
        """
        failure: Exception | None = None
        if self.leads:
            try:
                action()
            except Exception as error:
                failure = error
        failed = self.agree(int(failure is not None))
        if failure is not None:
            raise failure
        if failed:
            raise LeaderFailed("the leading process (rank 0) failed; its own message says why")


@contextmanager
def engine(device: str = "auto") -> Iterator[Engine]:
    """The engine of this process: one of several under torchrun (gloo on CPU, NCCL on CUDA), otherwise alone.

    Within it denormal numbers are flushed to zero: a saturated discriminator makes steps 5 to 10 times slower
    otherwise. Threads that torch has started before keep theirs, so enter it before any other work (environment.json
    says whether all flush). Raises InputError for a device that is not there.
    """
    before = denormals_flushed(1)
    torch.set_flush_denormal(True)
    try:
        with _processes(device) as found:
            yield found
    finally:
        torch.set_flush_denormal(before)


def denormals_flushed(count: int = 1 << 20) -> bool:
    """Whether denormal results are zero in every thread that works on a vector of `count` numbers."""
    return not bool((torch.full((count,), 1e-30) * 1e-10).any())


@contextmanager
def _processes(device: str) -> Iterator[Engine]:
    rank, processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    chosen = choose(device, int(os.environ.get("LOCAL_RANK", 0)))
    if processes == 1:
        yield Engine(chosen)
        return
    if os.environ.get("OMP_NUM_THREADS", "1") == "1":  # what torchrun sets where the user has not
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", processes))))
    # Its functions take the group of their import's moment as a default. Imported later, as torch does by itself, they
    # keep the group's threads alive to the interpreter's end, where now and then these abort the process (SIGABRT).
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(minutes=10))
    try:
        yield Engine(chosen, rank, processes)
    finally:
        dist.destroy_process_group()


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are several times as fast as in float32: tile units of a CPU, or a GPU's."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return (
        bool(torch.cpu.get_capabilities().get("amx_bf16", False)) if hasattr(torch.cpu, "get_capabilities") else False
    )


def choose(device: str, local_rank: int = 0) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda` or `cuda:N`."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"no device '{device}': use auto, cpu, cuda or cuda:N") from error
    if chosen.type not in ("cpu", "cuda"):
        raise InputError(f"device '{device}' is not supported: use auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"no CUDA device here for '{device}': use --device cpu")
        chosen = torch.device("cuda", local_rank if chosen.index is None else chosen.index)
        if chosen.index >= torch.cuda.device_count():
            raise InputError(f"no device '{chosen}': this machine has {torch.cuda.device_count()} CUDA devices")
        torch.cuda.set_device(chosen)
    return chosen
