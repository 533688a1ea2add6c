"""The discriminator is also shown samples that the generator made earlier."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game, detached
from nablagan.optim.updates import Alternating, Step, descend, summary
from nablagan.types import Batch

SIZE = 50
FIELDS = ("images", "back")
"""What of a task's samples is kept: those that a discriminator judges by themselves."""


class Pooled(Alternating):
    """Alternating, with a pool of past samples for the discriminator (Shrivastava et al. 2017, section 2.3).

    As CycleGAN has it (Zhu et al. 2017): until the pool is full a new sample is shown and kept; from then on, with
    probability 1/2, a random one of the pool is shown and the new one takes its place. For discriminators that judge a
    sample without its source or label, in one process. Draws come from torch's own generator; the pool is part of the
    state.

    >>> from nablagan.tasks import toys
    >>> game = toys.bilinear(torch.eye(1))
    >>> sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    >>> measures = Pooled(game, *sgd).step(toys.EMPTY).measures
    >>> game.point()
    tensor([0.2500, 1.5000])
    """

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, size: int = SIZE
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        self.size = size

    def step(self, batch: Batch) -> Step:
        fake = self.game.generate(batch)
        discriminator = self.game.discriminator_gradient(batch, self._shown(detached(fake)))
        descend(self.discriminator_optimizer, self.game.discriminator, discriminator)
        generator = self.game.generator_gradient(batch, fake)
        descend(self.generator_optimizer, self.game.generator, generator)
        return summary(generator, discriminator)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `Update`; a pool fits whatever its samples' shape, up to its size."""
        self._shapes = {
            name: tuple(tensor.shape)
            for name, tensor in state["extra"].items()
            if name in FIELDS and len(tensor) <= self.size
        }
        super().load_state_dict(state)

    def extra_shapes(self) -> dict[str, tuple[int, ...]]:
        """As many samples (k, *shape), for each field, as the state that is being loaded has."""
        return self._shapes

    _shapes: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 (replaced, never changed)

    def _shown(self, fake: Any) -> Any:
        if isinstance(fake, Tensor):
            return self._mixed("images", fake) if fake.ndim else fake
        return fake._replace(**{name: self._mixed(name, getattr(fake, name)) for name in FIELDS if hasattr(fake, name)})

    def _mixed(self, name: str, new: Tensor) -> Tensor:
        pool = list(self.extra.get(name, new[:0]).unbind())
        shown = [self._exchanged(pool, sample) for sample in new.unbind()]
        self.extra = {**self.extra, name: torch.stack(pool)}
        return torch.stack(shown)

    def _exchanged(self, pool: list[Tensor], sample: Tensor) -> Tensor:
        """What is shown in a sample's place; the pool is changed."""
        if len(pool) < self.size:
            pool.append(sample)
            return sample
        if torch.rand(()) < 0.5:
            return sample
        index = int(torch.randint(self.size, ()))
        shown, pool[index] = pool[index], sample
        return shown
