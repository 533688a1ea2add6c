"""A game over several batches at once, and its Jacobian with the graphs kept for many products."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nablagan.game import Game, Jacobian
from nablagan.pure import at, frozen
from nablagan.types import Batch, PlayerLosses

MOST_KEPT = 8
"""Batches whose graphs are kept; for more the graphs are built anew at every product."""


class Averaged(Game):
    """The game whose losses are the means over several batches; its products take a tuple of batches.

    Batches of the size that the run trains with, so that a loss that couples the samples of a batch couples here what
    it couples there.
    """

    def __init__(self, game: Game) -> None:
        super().__init__(*game.players, game.play, game.generator_loss, game.discriminator_loss, game.mean)

    def _field(self, point: Tensor, batch: Any) -> Tensor:
        return _mean([Game._field(self, point, part) for part in batch])

    def _losses(self, theta: Tensor, psi: Tensor, batch: Any) -> PlayerLosses:
        losses = [Game._losses(self, theta, psi, part) for part in batch]
        return PlayerLosses(*(_mean(list(values)) for values in zip(*losses, strict=True)))


class KeptJacobian(Jacobian):
    """J of an `Averaged` game whose transposed products cost a backward pass alone, and half of one for one player.

    J^T u is the sum of each player's row, transposed, times that player's part of u; a part that is zero costs nothing.
    `told` is called after each product.
    """

    def __init__(
        self, game: Averaged, batches: tuple[Batch, ...], told: Callable[[], None] = lambda: None, point: Any = None
    ) -> None:
        super().__init__(game, batches, point=point)  # pyright: ignore[reportArgumentType]
        self.batches, self.told = batches, told
        self._kept: dict[tuple[int, int], Callable[[Tensor], Tensor]] = {}

    @property
    def T(self) -> "KeptJacobian":
        """The transpose; it shares the graphs."""
        other = KeptJacobian(self.game, self.batches, self.told, self.point)  # pyright: ignore[reportArgumentType]
        other.transposed, other._kept = not self.transposed, self._kept
        return other

    def __matmul__(self, vector: Tensor) -> Tensor:
        found = self._transposed_product(vector) if self.transposed else super().__matmul__(vector)
        self.told()
        return found

    def _transposed_product(self, vector: Tensor) -> Tensor:
        self.game._check(vector, "vector")
        parts = vector.split(self.game.sizes)
        with frozen(*self.game.players):
            found = [
                self._pullback(player, place)(parts[player])
                for place in range(len(self.batches))
                for player in (0, 1)
                if parts[player].any()
            ]
        whole = torch.stack(found).sum(0) if found else torch.zeros_like(vector)
        return self.game.mean(whole / len(self.batches))

    def _pullback(self, player: int, place: int) -> Callable[[Tensor], Tensor]:
        """u (its part) -> the player's row on one batch, transposed, times u (n,)."""
        if (player, place) in self._kept:
            return self._kept[player, place]
        row = generator_row if player == 0 else discriminator_row
        pull = torch.func.vjp(lambda point: row(self.game, point, self.batches[place]), self.point)[1]
        if len(self.batches) <= MOST_KEPT:
            self._kept[player, place] = lambda part: pull(part)[0]
        return lambda part: pull(part)[0]


def generator_row(game: Game, point: Tensor, batch: Batch) -> Tensor:
    """grad_theta L_G at a point (n,)."""
    theta, psi = game._split(point)
    return torch.func.grad(lambda t: game._generator_loss(psi, game.play(at(game.generator, t), batch), batch))(theta)


def discriminator_row(game: Game, point: Tensor, batch: Batch) -> Tensor:
    """grad_psi L_D at a point (n,)."""
    theta, psi = game._split(point)
    fake = game.play(at(game.generator, theta), batch)
    return torch.func.grad(lambda p: game._discriminator_loss(p, fake, batch))(psi)


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(0)
