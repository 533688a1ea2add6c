"""Exponential moving averages of the generator at several half-lives at once: one chooses afterwards."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

RAMP = 0.1
"""An average never remembers more than this share of the images seen, so that it forgets the start of training."""


class Averages:
    """Copies of a player, one a half-life (in images): parameters averaged, buffers copied (Karras et al. 2018)."""

    def __init__(self, player: nn.Module, half_lives: Sequence[int]) -> None:
        self.players = {half_life: copy.deepcopy(player).eval().requires_grad_(False) for half_life in half_lives}

    @torch.no_grad()
    def update(self, player: nn.Module, batch_size: int, images_seen: int) -> None:
        """Move each average towards the player by 1 - 0.5 ** (batch_size / half_life)."""
        for half_life, average in self.players.items():
            beta = 0.5 ** (batch_size / max(min(half_life, RAMP * images_seen), 1e-8))
            averaged: list[Tensor] = list(average.parameters())
            live: list[Tensor] = list(player.parameters())
            torch._foreach_lerp_(averaged, live, 1 - beta)  # pyright: ignore[reportPrivateImportUsage]
            for buffer, source in zip(average.buffers(), player.buffers(), strict=True):
                buffer.copy_(source)
