"""How large the players' gradients are, and whether gradients, updates and losses point the same way."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.evaluating import check_apart, check_points, field_at
from nablagan.game import Game
from nablagan.types import Batch, InputError


class FieldNorms(NamedTuple):
    """Euclidean norms of the two halves of the field."""

    generator: float
    """|grad_theta L_G|"""
    discriminator: float
    """|grad_psi L_D|"""

    @property
    def ratio(self) -> float:
        """The generator's over the discriminator's; inf where only the latter is 0, nan where both are.

        Read it against its own past: ten times more or less than before says that one player has stopped learning or
        has run away, so look at saturated logits and at the balance of the learning rates.
        """
        if self.discriminator == 0:
            return math.inf if self.generator > 0 else math.nan
        return self.generator / self.discriminator


class PlayerCosines(NamedTuple):
    """A cosine for each player's own parameters, -1 to 1; nan where one of the two vectors is zero."""

    generator: float
    discriminator: float


def field_norms(game: Game, batch: Batch) -> FieldNorms:
    """|grad_theta L_G| and |grad_psi L_D| on `batch` at the game's point. Costs one evaluation of the field.

    >>> from nablagan.tasks import toys
    >>> field_norms(toys.quadratic(a=3.0, b=1.0, c=1.0), toys.EMPTY)  # v = (4, 0) at (1, 1)
    FieldNorms(generator=4.0, discriminator=0.0)
    """
    return FieldNorms(*(_norm(part) for part in game.field(batch).split(game.sizes)))


def cosine(first: Tensor, second: Tensor) -> float:
    """<u, w> / |u| |w| of tensors of one shape, in float64; nan where either is zero, empty or not finite.

    Raises InputError for different shapes.

    >>> cosine(torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 4.0]))
    -0.6
    """
    if first.shape != second.shape:
        raise InputError(f"a cosine of {tuple(first.shape)} and {tuple(second.shape)}: give tensors of one shape")
    if not first.numel():
        return math.nan
    u, w = (_unit(vector.flatten().double()) for vector in (first, second))
    product = u.dot(w).item()
    return product if math.isnan(product) else max(-1.0, min(1.0, product))  # rounding may leave it beyond 1


def update_cosine(game: Game, start: Tensor, end: Tensor, batch: Batch) -> PlayerCosines:
    """Cosine between each player's part of the move end - start and minus its gradient at `start`, on `batch`.

    1: plain gradient descent on this batch. Between: the optimiser's scaling, momentum, other batches. Below 0 for
    long: momentum works against the gradient; lower beta_1 or the learning rate. Costs one evaluation of the field.
    Raises InputError for points of another size or dtype, or equal.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=1.0, b=1.0, c=0.0)
    >>> start, end = torch.tensor([[1.0, 1.0], [0.5, 2.0]]).double()
    >>> update_cosine(game, start, end, toys.EMPTY)
    PlayerCosines(generator=1.0, discriminator=-1.0)
    """
    check_points(game, start=start, end=end)
    check_apart(start, end)
    return _by_player(game, end - start, -field_at(game, batch, start))


def successive_cosine(game: Game, start: Tensor, end: Tensor, batch: Batch) -> PlayerCosines:
    """Cosine between each player's gradients at `start` and at `end`, such as before and after a step, on one batch.

    Near 1: the steps are short for this landscape and could be longer. Near 0: they turn, or are as long as the valley
    is wide. Near -1: they jump across it, at the edge of stability; a lower learning rate helps. Costs two evaluations
    of the field. Raises InputError for points of another size or dtype.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=1.0, b=1.0, c=0.0)  # x and y descend alone; steps 1.5 and 0.5 from (1, 1)
    >>> start, end = torch.tensor([[1.0, 1.0], [-0.5, 0.5]]).double()
    >>> successive_cosine(game, start, end, toys.EMPTY)
    PlayerCosines(generator=-1.0, discriminator=1.0)
    """
    check_points(game, start=start, end=end)
    return _by_player(game, field_at(game, batch, start), field_at(game, batch, end))


def loss_cosine(first: Tensor, second: Tensor, parameters: Tensor | Iterable[Tensor]) -> float:
    """Cosine between the gradients of two scalar losses in `parameters`: do a model's two tasks agree?

    For instance a reconstruction and an adversarial loss, in the last layer or in the whole generator. Below -0.3 for
    long: what one gains the other loses; weight them again (`interface.adaptive_weight`) or start the adversary later.
    Both graphs are kept, and no `.grad` is touched. nan where one of the losses does not move the parameters, as in a
    warm-up. Costs a backward pass of each loss. Raises InputError where neither loss depends on the parameters, and for
    losses that are not scalars.

    >>> weight = torch.tensor([0.0, 2.0], requires_grad=True)
    >>> loss_cosine(weight.square().sum(), -weight.square().sum(), weight)
    -1.0
    """
    chosen = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for loss in (first, second):
        if loss.numel() != 1:
            raise InputError(f"a loss is {tuple(loss.shape)}: give scalars, such as loss.mean()")
    found = [_gradient(loss, chosen) for loss in (first, second)]
    if found[0] is None and found[1] is None:
        raise InputError(
            "neither loss depends on the parameters: give tensors that require a gradient and that the losses were "
            "computed from"
        )
    return math.nan if found[0] is None or found[1] is None else cosine(found[0], found[1])


def _by_player(game: Game, first: Tensor, second: Tensor) -> PlayerCosines:
    return PlayerCosines(
        *(cosine(u, w) for u, w in zip(first.split(game.sizes), second.split(game.sizes), strict=True))
    )


def _gradient(loss: Tensor, parameters: list[Tensor]) -> Tensor | None:
    """(n,), zeros for parameters without a part in the loss; None where none has."""
    moved = [p for p in parameters if p.requires_grad]
    if not loss.requires_grad or not moved:
        return None
    parts = torch.autograd.grad(loss, moved, retain_graph=True, allow_unused=True)
    if all(part is None for part in parts):
        return None
    filled = [torch.zeros_like(p) if part is None else part for p, part in zip(moved, parts, strict=True)]
    return torch.cat([part.flatten() for part in filled])


def _norm(vector: Tensor) -> float:
    """In float64: squares of a saturated loss's gradient underflow in float32."""
    return torch.linalg.vector_norm(vector, dtype=torch.float64).item()


def _unit(vector: Tensor) -> Tensor:
    """vector / |vector|, nan for zero; of one whose squares would underflow or overflow too."""
    vector = vector / vector.abs().amax()
    return vector / vector.norm()
