"""Lookahead: every few steps both players go part of the way back together."""

from typing import Any

import torch
from torch.optim import Optimizer

from nablagan.game import Game
from nablagan.optim.updates import Alternating, Step, Update
from nablagan.types import Batch, InputError


class Lookahead(Update):
    """After every `steps` steps of `inner`: w <- slow + weight (w - slow), then slow <- w (Chavdarova et al. 2021).

    Joint: both players' slow weights are taken before the first step and move at the same moment. Costs nothing but a
    copy of the players. On a linear field an outer step multiplies by 1 - weight + weight (1 - lr z)^steps.
    Helps where play circles: averaging over a part of the circle cuts its radius, with noisy gradients too. Hurts where
    play goes straight: a weight of 1/2 halves the progress. Raises InputError for steps < 1 or a weight outside (0, 1].

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> measures = Lookahead(game, *sgd, steps=1).step(toys.EMPTY).measures
    >>> game.point()
    tensor([0.6250, 1.2500])
    """

    def __init__(
        self,
        game: Game,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        steps: int = 5,
        weight: float = 0.5,
        inner: type[Update] = Alternating,
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        if steps < 1 or not 0 < weight <= 1:
            raise InputError(f"lookahead of {steps} steps with weight {weight}: give steps >= 1 and a weight in (0, 1]")
        self.inner = inner(game, generator_optimizer, discriminator_optimizer)
        self.steps, self.weight = steps, weight

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """Slow weights (n,), steps since they moved (), and what `inner` remembers."""
        inner = {f"inner.{name}": shape for name, shape in self.inner.extra_shapes().items()}
        return {"slow": (sum(self.game.sizes),), "count": (), **inner}

    def step(self, batch: Batch) -> Step:
        if not self.extra:  # before the first step, not at the first return: that would make it a return to nowhere
            self.extra = {"slow": self.game.point(), "count": torch.tensor(0)}
        seen = self.inner.step(batch)
        slow, count = self.extra["slow"], int(self.extra["count"]) + 1
        if count == self.steps:
            slow = slow + self.weight * (self.game.point() - slow)
            self.game.move_to(slow)
            count = 0
        inner = {f"inner.{name}": tensor for name, tensor in self.inner.extra.items()}
        self.extra = {"slow": slow, "count": torch.tensor(count), **inner}
        return seen

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave, `inner` included."""
        super().load_state_dict(state)
        self.inner.extra = {
            name.removeprefix("inner."): tensor for name, tensor in self.extra.items() if name.startswith("inner.")
        }
