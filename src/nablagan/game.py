"""Two players and one loss for each: the vector field, its directional derivatives and its Jacobian.

The only file that decides who is held constant. A task states three functions of the players:

    fake = play(generator, batch)
    generator_loss(discriminator, fake, batch), discriminator_loss(discriminator, fake, batch) -> Outcome

Products (`losses`, `field`, `directional_derivatives`, `jacobian`) are pure: they run the players as `nablagan.pure`
holds them still, and nothing is moved by asking. The gradients that updates use run the live modules, so that running
statistics and power iterations go on; without such parts they are the two halves of `field`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from nablagan.pure import at, frozen, trainable
from nablagan.refusals import explained
from nablagan.types import Batch, InputError, Outcome, PlayerLosses

Play = Callable[[Callable[..., Any], Batch], Any]
"""(generator, batch) -> what it generates, a tensor or a nest of tensors."""
Judge = Callable[[Callable[..., Any], Batch], Callable[..., Tensor]]
"""(discriminator, batch) -> (images, label) -> logits: with what the batch says beside the images, such as sources."""
Objective = Callable[[Callable[..., Any], Any, Batch], Outcome]
"""(discriminator, fake, batch) -> outcome for one player."""


class Gradient(NamedTuple):
    """One player's gradient on a batch, from the live modules."""

    tensors: tuple[Tensor, ...]
    """Shaped like the player's parameters that require a gradient."""
    loss: Tensor
    """Scalar, detached."""
    measures: dict[str, Tensor]
    """Scalar means of what the objective reported, detached."""


class Game:
    """A differentiable two-player game at a point (theta, psi): the parameters of generator and discriminator.

    Only parameters that require a gradient belong to it. A flat vector (n,) holds the generator's, then the
    discriminator's, each in the order of `named_parameters`.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=3.0, b=2.0, c=1.0)
    >>> game.field(toys.EMPTY), game.jacobian(toys.EMPTY) @ torch.tensor([1.0, 0.0]).double()
    (tensor([4., 1.], dtype=torch.float64), tensor([ 3., -1.], dtype=torch.float64))
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        play: Play,
        generator_loss: Objective,
        discriminator_loss: Objective,
        mean: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        judge: Judge = lambda discriminator, batch: discriminator,
    ) -> None:
        """`mean` averages a flat vector over processes; with it every product is that of the global batch.

        That holds for losses that do not couple samples (`losses.relativistic_average` does). `judge` is for
        diagnostics: how the discriminator is asked about samples (images, label) of a batch.
        """
        self.generator, self.discriminator = generator, discriminator
        self.play, self.generator_loss, self.discriminator_loss = play, generator_loss, discriminator_loss
        self.mean, self.judge = mean, judge

    # --- the point -----------------------------------------------------------------------------------------

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of parameters (of the generator, of the discriminator)."""
        theta, psi = (sum(p.numel() for p in trainable(player).values()) for player in self.players)
        return theta, psi

    @property
    def players(self) -> tuple[nn.Module, nn.Module]:
        """(generator, discriminator)."""
        return self.generator, self.discriminator

    def point(self) -> Tensor:
        """A copy of all parameters as one flat vector (n,): the generator's, then the discriminator's."""
        return torch.cat([p.detach().flatten() for player in self.players for p in trainable(player).values()])

    @torch.no_grad()
    def move_to(self, point: Tensor) -> None:
        """Set all parameters from a flat vector (n,). Raises InputError for another size or dtype."""
        self._check(point, "point")
        parameters = [p for player in self.players for p in trainable(player).values()]
        for parameter, values in zip(parameters, point.split([p.numel() for p in parameters]), strict=True):
            parameter.copy_(values.view_as(parameter))

    # --- pure products -------------------------------------------------------------------------------------

    def losses(self, batch: Batch) -> PlayerLosses:
        """Both players' losses, scalars, at the current point."""
        with frozen(*self.players):
            return PlayerLosses(*self.mean(torch.stack(self._losses(*self._split(self.point()), batch))))

    def field(self, batch: Batch) -> Tensor:
        """v = (grad_theta L_G, grad_psi L_D) as one flat vector (n,)."""
        with frozen(*self.players):
            return self.mean(self._field(self.point(), batch))

    def directional_derivatives(self, batch: Batch, direction: Tensor) -> PlayerLosses:
        """(D_u L_G, D_u L_D) along u = `direction` (n,), scalars, by one forward-mode pass; linear in u.

        Each is the derivative along all of u, the other player's part included. Raises InputError for a direction of
        another size or dtype.
        """
        self._check(direction, "direction")
        with frozen(*self.players):
            derivative = torch.func.jvp(
                lambda point: torch.stack(self._losses(*self._split(point), batch)), (self.point(),), (direction,)
            )[1]
        return PlayerLosses(*self.mean(derivative))

    def jacobian(self, batch: Batch) -> "Jacobian":
        """J = dv/d(theta, psi), (n, n), at the current point as an object: `J @ u`, `J.T @ u`, `J.field`."""
        return Jacobian(self, batch)

    def _field(self, point: Tensor, batch: Batch) -> Tensor:
        theta, psi = self._split(point)
        fake, pullback, *_ = torch.func.vjp(lambda t: self.play(at(self.generator, t), batch), theta)
        by_fake = torch.func.grad(lambda f: self._generator_loss(psi, f, batch))(fake)
        by_psi = torch.func.grad(lambda p: self._discriminator_loss(p, fake, batch))(psi)
        return torch.cat([pullback(by_fake)[0], by_psi])

    def _losses(self, theta: Tensor, psi: Tensor, batch: Batch) -> PlayerLosses:
        fake = self.play(at(self.generator, theta), batch)
        return PlayerLosses(self._generator_loss(psi, fake, batch), self._discriminator_loss(psi, fake, batch))

    def _generator_loss(self, psi: Tensor, fake: Any, batch: Batch) -> Tensor:
        return self.generator_loss(at(self.discriminator, psi), fake, batch).loss.mean()

    def _discriminator_loss(self, psi: Tensor, fake: Any, batch: Batch) -> Tensor:
        return self.discriminator_loss(at(self.discriminator, psi), fake, batch).loss.mean()

    def _split(self, point: Tensor) -> tuple[Tensor, Tensor]:
        theta, psi = point.split(self.sizes)
        return theta, psi

    def _check(self, vector: Tensor, name: str) -> None:
        point = self.point()
        if vector.shape != point.shape or vector.dtype != point.dtype:
            raise InputError(
                f"{name} is {vector.dtype} {tuple(vector.shape)}: "
                f"give a flat vector {tuple(point.shape)} of {point.dtype}, as game.point() does"
            )

    # --- gradients of the live players, for updates --------------------------------------------------------

    def generate(self, batch: Batch) -> Any:
        """What the live generator makes of the batch, with its graph; serves both gradients at this point."""
        return self.play(self.generator, batch)

    def discriminator_gradient(self, batch: Batch, fake: Any) -> Gradient:
        """grad_psi L_D with the generator held constant; `fake` from `generate`.

        Raises InputError, as `generator_gradient` does, for a player without a parameter that requires a gradient.
        """
        outcome = self.discriminator_loss(self.discriminator, detached(fake), batch)
        return self._gradient(outcome, self.discriminator)

    def generator_gradient(self, batch: Batch, fake: Any) -> Gradient:
        """grad_theta L_G with the discriminator held constant; `fake` from `generate`, whose graph it consumes."""
        with held(self.discriminator):
            return self._gradient(self.generator_loss(self.discriminator, fake, batch), self.generator)

    def _gradient(self, outcome: Outcome, player: nn.Module) -> Gradient:
        loss = outcome.loss.mean()
        parameters = list(trainable(player).values())
        if not parameters:
            raise InputError(f"no parameter of {type(player).__name__} requires a gradient: it has nothing to learn")
        with explained(player):
            tensors = torch.autograd.grad(loss, parameters, materialize_grads=True)
        names = list(outcome.measures)
        scalars = torch.stack([loss.detach(), *(outcome.measures[name].detach().mean() for name in names)])
        flat = self.mean(torch.cat([t.flatten() for t in tensors] + [scalars.to(tensors[0].dtype)]))
        *parts, scalars = flat.split([p.numel() for p in parameters] + [len(scalars)])
        tensors = tuple(part.view_as(p) for part, p in zip(parts, parameters, strict=True))
        return Gradient(tensors, scalars[0], dict(zip(names, scalars[1:], strict=True)))


class Jacobian:
    """J = dv/dw of a game on one batch, at the point where it was made, as a linear operator (n, n); not symmetric.

    A product costs about two to three evaluations of the field. `game` may move on: the operator keeps its point.
    `J @ u` raises InputError for a vector of another size or dtype.
    """

    def __init__(self, game: Game, batch: Batch, transposed: bool = False, point: Tensor | None = None) -> None:
        self.game, self.batch, self.transposed = game, batch, transposed
        self.point = game.point() if point is None else point

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.point), len(self.point)

    @property
    def T(self) -> "Jacobian":
        """The transpose."""
        return Jacobian(self.game, self.batch, not self.transposed, self.point)

    @property
    def field(self) -> Tensor:
        """v at the operator's point, (n,)."""
        with frozen(*self.game.players):
            return self.game.mean(self._field(self.point))

    def __matmul__(self, vector: Tensor) -> Tensor:
        """J u by forward over reverse, or J^T u by reverse over reverse, (n,)."""
        self.game._check(vector, "vector")
        with frozen(*self.game.players):
            if self.transposed:
                return self.game.mean(torch.func.vjp(self._field, self.point)[1](vector)[0])
            return self.game.mean(torch.func.jvp(self._field, (self.point,), (vector,))[1])

    def _field(self, point: Tensor) -> Tensor:
        return self.game._field(point, self.batch)


def detached(fake: Any) -> Any:
    """The same nest of tensors, cut from the generator's graph."""
    return tree_map(lambda t: t.detach() if isinstance(t, Tensor) else t, fake)


@contextmanager
def held(player: nn.Module) -> Iterator[None]:
    """Within it the player's parameters are constants: no gradient is prepared for them."""
    parameters = list(trainable(player).values())
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
