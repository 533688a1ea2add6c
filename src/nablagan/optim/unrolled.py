"""Unrolled play: the generator sees how the discriminator would answer its move."""

import torch
from torch import Tensor
from torch.optim import Optimizer

from nablagan.game import Game, Jacobian
from nablagan.optim.along import Along, Direction
from nablagan.pure import frozen
from nablagan.types import Batch, InputError


def unrolled(steps: int, rate: float) -> Direction:
    """(d/dtheta L_G(theta, psi_K(theta)), v_psi): psi_K after K = `steps` descents of L_D at `rate` (Metz et al. 2017).

    The derivative goes through the descents. Costs steps + 1 evaluations of the field, one gradient of L_G and `steps`
    transposed products. Raises InputError for steps < 0.

    >>> from nablagan.tasks import toys
    >>> unrolled(1, 0.5)(toys.quadratic(a=0.0, b=0.0, c=2.0), toys.EMPTY)  # [[2 K rate c^2, c], [-c, 0]] w
    tensor([ 6., -2.], dtype=torch.float64)
    """
    if steps < 0:
        raise InputError(f"unrolled steps are {steps}: give a number >= 0")

    def direction(game: Game, batch: Batch) -> Tensor:
        theta, psi = game.point().split(game.sizes)
        passed, answers = [], psi
        for _ in range(steps):
            passed.append(Jacobian(game, batch, point=torch.cat([theta, answers])))
            answers = answers - rate * passed[-1].field.split(game.sizes)[1]
        total, adjoint = _generator_loss_gradient(game, torch.cat([theta, answers]), batch).split(game.sizes)
        for jacobian in reversed(passed):  # backwards through psi_(k+1) = psi_k - rate v_psi(theta, psi_k)
            back = rate * (jacobian.T @ torch.cat([torch.zeros_like(theta), adjoint]))
            by_theta, by_psi = back.split(game.sizes)
            total, adjoint = total - by_theta, adjoint - by_psi
        return torch.cat([total, game.field(batch).split(game.sizes)[1]])

    return direction


def _generator_loss_gradient(game: Game, point: Tensor, batch: Batch) -> Tensor:
    """grad L_G with respect to all parameters (n,), the discriminator's included."""
    with frozen(*game.players):
        gradient = torch.func.grad(lambda p: game._losses(*game._split(p), batch).generator)(point)
        return game.mean(gradient)


class Unrolled(Along):
    """Along `unrolled(steps, rate)`.

    Costs about 3 gradients a step and 4 an unrolled step. Helps against a generator that chases single modes: on
    bilinear games it adds 2 steps rate c^2 of damping to the generator. Hurts by its price, and when the rate is far
    from what the discriminator really does: the generator then plays against another opponent.
    """

    def __init__(
        self,
        game: Game,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        steps: int = 3,
        rate: float = 0.01,
    ) -> None:
        super().__init__(game, generator_optimizer, discriminator_optimizer, unrolled(steps, rate))
