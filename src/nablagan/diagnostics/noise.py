"""How much of each player's gradient is the noise of the batch (McCandlish et al. 2018, appendix A)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.game import Game
from nablagan.types import Batch, InputError


class PlayerNoise(NamedTuple):
    """Unbiased estimates for one player's gradient."""

    gradient_square: float
    """|G|^2 of the expected gradient G; may come out below zero where it is small beside the noise."""
    trace: float
    """S >= 0, the trace of the covariance of one sample's gradient: that of B samples has the square |G|^2 + S / B."""

    @property
    def scale(self) -> float:
        """S / |G|^2, the batch size at which noise and gradient are equally large.

        Batches far below it are mostly noise: a larger batch or a lower rate helps this player. Far above it they are
        wasted. inf where no gradient is seen through the noise (|G|^2 <= 0), nan where there is neither.
        """
        if self.gradient_square <= 0:
            return math.inf if self.trace > 0 else math.nan
        return self.trace / self.gradient_square


class NoiseScale(NamedTuple):
    """One for each player."""

    generator: PlayerNoise
    discriminator: PlayerNoise


def noise_scale(game: Game, batch: Batch, parts: int = 8) -> NoiseScale:
    """The gradient noise scale of each player, from the gradients on `parts` equal sub-batches of `batch`.

    With g_k on b samples, g their mean on all B: S = b sum |g_k - g|^2 / (parts - 1) and |G|^2 = |g|^2 - S / B. That is
    S = (mean |g_k|^2 - |g|^2) / (1/b - 1/B) and |G|^2 = (B |g|^2 - b mean |g_k|^2) / (B - b), the paper's estimates,
    without their differences of nearly equal numbers.

    A sample is one row of the batch, a real one and a generated one; with several processes, one row of each. One
    batch gives rough figures, and their quotient is biased though they are not: average them over batches before
    dividing. Rows are split in order, so let them be shuffled. A loss that couples samples
    (`losses.relativistic_average`) is that of the sub-batches. Costs an evaluation of the field in parts, which on
    parts of few samples is several of them in time. Raises InputError for parts < 2 or that do not divide the batch,
    and for tensors of different lengths in it.

    >>> from nablagan import losses, players
    >>> from nablagan.tasks import generation
    >>> pair = players.mlp.generator((2,), latent_size=4), players.mlp.discriminator((2,))
    >>> same = Batch(torch.ones(8, 2), torch.ones(8, 4))  # eight times the same sample: no noise
    >>> noise_scale(generation(*pair, loss=losses.wasserstein), same).discriminator.scale
    0.0
    """
    pieces = sub_batches(batch, parts)
    mean, squares = _field(game, pieces[0]), torch.zeros(2, dtype=torch.float64)
    for count, piece in enumerate(pieces[1:], 2):  # Welford (1962): the sum of squared deviations, one vector kept
        change = _field(game, piece) - mean
        mean = mean + change / count
        squares += (count - 1) / count * _squares(game, change)
    traces = len(batch.real) / parts / (parts - 1) * squares
    found = torch.stack([_squares(game, mean) - traces / len(batch.real), traces], 1)
    return NoiseScale(*(PlayerNoise(*row) for row in found.tolist()))


def sub_batches(batch: Batch, parts: int) -> list[Batch]:
    """The batch in `parts` of equal size, every tensor of it split alike. Raises InputError where that cannot be.

    >>> [piece.real.tolist() for piece in sub_batches(Batch(torch.arange(4), torch.zeros(4, 2)), parts=2)]
    [[0, 1], [2, 3]]
    """
    size = len(batch.real)
    tensors = {name: value for name, value in batch._asdict().items() if isinstance(value, Tensor)}
    for name, value in tensors.items():
        if value.ndim == 0 or len(value) != size:
            raise InputError(f"batch.{name} is {tuple(value.shape)} beside {size} real samples: give each one row")
    if not 2 <= parts <= size or size % parts:
        possible = [count for count in range(2, size + 1) if size % count == 0]
        remedy = f"give one of {possible}" if possible else "give a batch of at least two samples"
        raise InputError(f"{parts} parts of a batch of {size}: {remedy}")
    return [batch.rows(slice(k * size // parts, (k + 1) * size // parts)) for k in range(parts)]


def _field(game: Game, batch: Batch) -> Tensor:
    """v, (n,), in float32 or better."""
    field = game.field(batch)
    return field.to(torch.promote_types(field.dtype, torch.float32))


def _squares(game: Game, vector: Tensor) -> Tensor:
    """The squared norms of both players' parts, (2,), in float64 on the CPU."""
    parts = [torch.linalg.vector_norm(part, dtype=torch.float64) for part in vector.split(game.sizes)]
    return torch.stack(parts).square().cpu()
