"""Devices, denormals, and failures that are everybody's."""

import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from nablagan.training.checks import check_uncoupled
from nablagan.training.engine import Engine, LeaderFailed, choose, denormals_flushed, engine, has_fast_bfloat16
from nablagan.types import InputError


def test_devices_by_name():
    assert choose("cpu") == torch.device("cpu")
    assert choose("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="no device 'gpu'"):
        choose("gpu")
    with pytest.raises(InputError, match="device 'meta' is not supported"):
        choose("meta")


@pytest.mark.parametrize("capable", [True, False])
def test_bfloat16_is_fast_on_a_cpu_with_tile_units(monkeypatch, capable):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": capable}, raising=False)
    assert has_fast_bfloat16(torch.device("cpu")) is capable


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_missing_accelerator_is_named():
    with pytest.raises(InputError, match="no CUDA device here for 'cuda:1'"):
        choose("cuda:1")


def test_alone_every_collective_is_the_identity():
    with engine("cpu") as this:
        tensor = torch.ones(3)
        assert this.mean(tensor) is tensor
        assert this.agree(5) == 5
        assert this.leads


def test_denormals_are_flushed_within_and_as_before_afterwards():
    for before in (False, True):
        torch.set_flush_denormal(before)
        with engine("cpu"):
            assert denormals_flushed(1)
        assert denormals_flushed(1) == before
    torch.set_flush_denormal(False)


THREADS = """
import torch
from nablagan.training.engine import denormals_flushed, engine
torch.set_num_threads(2)
with engine("cpu"):
    assert denormals_flushed(1 << 22)
"""


def test_every_thread_flushes_when_the_engine_comes_first():
    subprocess.run([sys.executable, "-c", THREADS], check=True, timeout=120)


def test_what_the_leader_raises_is_raised():
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Engine(torch.device("cpu")).lead(fail)


def test_the_leader_lets_the_others_know_before_it_raises():
    told = []

    class Leader(Engine):
        def agree(self, number: int) -> int:
            told.append(number)
            return number

    with pytest.raises(ZeroDivisionError):
        Leader(torch.device("cpu"), 0, 2).lead(lambda: 1 / 0)
    Leader(torch.device("cpu"), 0, 2).lead(lambda: None)
    assert told == [1, 0]


@dataclass(frozen=True)
class Follower(Engine):
    """Rank 1 of two; `others` is what the leading process brings to an agreement."""

    others: int = 0

    def agree(self, number: int) -> int:
        return max(number, self.others)


def test_followers_do_not_act_and_hear_of_a_failure():
    acted = []
    cpu = torch.device("cpu")
    Follower(cpu, 1, 2, others=0).lead(lambda: acted.append(1))
    with pytest.raises(LeaderFailed, match="rank 0"):
        Follower(cpu, 1, 2, others=1).lead(lambda: acted.append(1))
    assert not acted


def test_batch_statistics_are_refused_among_several_processes():
    players = (torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.BatchNorm2d(3)))
    check_uncoupled(players, Engine(torch.device("cpu")))
    with pytest.raises(InputError, match="BatchNorm2d"):
        check_uncoupled(players, Engine(torch.device("cpu"), 0, 2))
