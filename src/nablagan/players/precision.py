"""Stages in bfloat16: which they are, and how to do without them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nablagan.types import InputError

EVERY = 1_000
"""Stages in bfloat16, for players of which one does not know how many they have."""


class Staged(nn.Module):
    """A player with a stage for each resolution, lowest first, of which the highest run in bfloat16.

    Raises InputError unless there are so many stages; EVERY stands for all that there are.
    """

    def __init__(self, stages: int, bfloat16_stages: int) -> None:
        super().__init__()
        bfloat16_stages = stages if bfloat16_stages == EVERY else bfloat16_stages
        if not 0 <= bfloat16_stages <= stages:
            raise InputError(f"bfloat16_stages={bfloat16_stages}: give 0 to {stages}")
        self.bfloat16_from = stages - bfloat16_stages

    @property
    def masters(self) -> torch.dtype:
        """The dtype of the parameters: float32, or float64 after `double()`."""
        return next(self.parameters()).dtype

    def entering(self, x: Tensor, stage: int) -> Tensor:
        """x in the stage's dtype: bfloat16 in the highest stages of a float32 player, else that of the parameters."""
        low = self.masters == torch.float32 and stage >= self.bfloat16_from
        return x.to(torch.bfloat16 if low else self.masters)


def forgo_bfloat16(*players: nn.Module) -> None:
    """Run every stage of the players in the dtype of the parameters from now on."""
    for module in _staged(players):
        module.bfloat16_from = sys.maxsize


@contextmanager
def full_precision(*players: nn.Module) -> Iterator[None]:
    """The same within a block: for differences of losses, which the rounding of bfloat16 would hide."""
    before = {module: module.bfloat16_from for module in _staged(players)}
    forgo_bfloat16(*players)
    try:
        yield
    finally:
        for module, first in before.items():
            module.bfloat16_from = first


def _staged(players: tuple[nn.Module, ...]) -> list[Staged]:
    return [module for player in players for module in player.modules() if isinstance(module, Staged)]
