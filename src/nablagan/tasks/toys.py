"""Games small enough to solve by hand: every optimiser, diagnostic and test runs on them too."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from nablagan.game import Game
from nablagan.types import Batch, InputError, Outcome


class Point(nn.Module):
    """A player that is a vector: calling it returns its parameters."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.position = nn.Parameter(start.clone())

    def forward(self) -> Tensor:
        return self.position


def zero_sum(value: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Game:
    """min_x max_y value(x, y): the generator is x, the discriminator y; L_G = value, L_D = -value."""
    return Game(
        Point(x),
        Point(y),
        play=lambda generator, batch: generator(),
        generator_loss=lambda discriminator, fake, batch: Outcome(value(fake, discriminator()).reshape(1), {}),
        discriminator_loss=lambda discriminator, fake, batch: Outcome(-value(fake, discriminator()).reshape(1), {}),
    )


def bilinear(matrix: Tensor) -> Game:
    """min_x max_y x^T A y from x = y = 1: pure rotation, eigenvalues +-i times A's singular values.

    `matrix` A (rows, columns) gives the dtype and the sizes of x (rows,) and y (columns,). Raises InputError for
    another shape or for integers.

    >>> game = bilinear(torch.tensor([[2.0]]))
    >>> game.field(EMPTY)
    tensor([ 2., -2.])
    """
    if matrix.ndim != 2 or not matrix.is_floating_point():
        raise InputError(f"matrix is {matrix.dtype} {tuple(matrix.shape)}: give a floating-point (rows, columns)")
    rows, columns = matrix.shape
    return zero_sum(lambda x, y: x @ matrix @ y, matrix.new_ones(rows), matrix.new_ones(columns))


def quadratic(a: float, b: float, c: float) -> Game:
    """min_x max_y a x^2 / 2 + c x y - b y^2 / 2 from x = y = 1 in float64; J = [[a, c], [-c, b]].

    The eigenvalues are (a + b)/2 +- sqrt((a - b)^2 / 4 - c^2).

    >>> quadratic(a=3.0, b=2.0, c=1.0).field(EMPTY)
    tensor([4., 1.], dtype=torch.float64)
    """
    one = torch.ones(1, dtype=torch.float64)
    return zero_sum(lambda x, y: 0.5 * a * x * x + c * x * y - 0.5 * b * y * y, one, one)


def dirac(gamma: float = 0.0) -> Game:
    """The Dirac-GAN: one real point at 0, one generated at theta, D(x) = psi x, minimax loss, R1 weight `gamma`.

    From theta = psi = 1/2 in float64. Eigenvalues of the game Jacobian at the equilibrium (0, 0):
    gamma/2 +- sqrt(gamma^2 - 1) / 2 (Mescheder et al. 2018, section 3). The discriminator's measures are `real_logits`,
    `fake_logits` and `penalty_r1`. Raises InputError for gamma < 0.

    >>> game = dirac(gamma=1.0)
    >>> game.move_to(torch.tensor([0.0, 1.0]).double())
    >>> game.field(EMPTY)
    tensor([-0.5000,  1.0000], dtype=torch.float64)
    """
    if not gamma >= 0:
        raise InputError(f"gamma is {gamma}: give a number >= 0")
    start = torch.full((1,), 0.5, dtype=torch.float64)

    def discriminator_loss(discriminator: Callable[[], Tensor], fake: Tensor, batch: Batch) -> Outcome:
        slope = discriminator()
        measures = {"real_logits": slope * 0.0, "fake_logits": slope * fake, "penalty_r1": 0.5 * slope.square()}
        real_logits, fake_logits, penalty = measures.values()
        return Outcome(softplus(fake_logits) + softplus(real_logits) + gamma * penalty, measures)

    def generator_loss(discriminator: Callable[[], Tensor], fake: Tensor, batch: Batch) -> Outcome:
        return Outcome(-softplus(discriminator() * fake), {})

    return Game(Point(start), Point(start), lambda generator, batch: generator(), generator_loss, discriminator_loss)


EMPTY = Batch(real=torch.empty(0), latent=torch.empty(0))
"""The batch of a game without data."""
