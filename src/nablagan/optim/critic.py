"""Several steps of the discriminator for one of the generator, on parts of one batch."""

from itertools import pairwise
from typing import Any

from torch.optim import Optimizer

from nablagan.game import Game, Gradient
from nablagan.optim.updates import Step, Update, descend, summary
from nablagan.types import Batch, InputError


class CriticFirst(Update):
    """`steps` moves of the discriminator, each on its own part of the batch, then one of the generator on the last.

    WGAN-GP's order of play (Gulrajani et al. 2017, algorithm 1), where a batch of 5 x 64 samples stands for the five
    of 64 that the algorithm draws. Measures are those of the last move. A batch with fewer samples than steps gives
    as many moves as it has samples. Raises InputError for steps < 1.
    """

    def __init__(
        self, game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, steps: int = 5
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer)
        if steps < 1:
            raise InputError(f"critic steps are {steps}: give a number >= 1")
        self.steps = steps

    def step(self, batch: Batch) -> Step:
        *earlier, last = _parts(batch, self.steps)
        for part in earlier:
            self._criticise(part)
        fake, discriminator = self._criticise(last)
        generator = self.game.generator_gradient(last, fake)
        descend(self.generator_optimizer, self.game.generator, generator)
        return summary(generator, discriminator)

    def _criticise(self, part: Batch) -> tuple[Any, Gradient]:
        """Move the discriminator on a part; what the generator made of it, and the gradient."""
        fake = self.game.generate(part)
        gradient = self.game.discriminator_gradient(part, fake)
        descend(self.discriminator_optimizer, self.game.discriminator, gradient)
        return fake, gradient


def _parts(batch: Batch, count: int) -> list[Batch]:
    """The batch in `count` parts of nearly equal size."""
    samples = len(batch.latent)
    parts = max(1, min(count, samples))
    ends = [samples * part // parts for part in range(parts + 1)]
    return [batch.rows(slice(start, end)) for start, end in pairwise(ends)]
