"""The discriminator's gradient, split by the chain rule into what real samples, generated ones and penalties say."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.gradients import cosine
from nablagan.game import Game
from nablagan.pure import at, frozen
from nablagan.types import Batch, InputError, Outcome

LOGITS = ("real_logits", "fake_logits")
"""The measures of a discriminator's outcome that the gradient is split at."""


class GradientParts(NamedTuple):
    """grad_psi L_D = real + fake + rest, (n_psi,) each."""

    real: Tensor
    """sum_i dL/da_i grad_psi a_i, through the real samples' logits a."""
    fake: Tensor
    """sum_i dL/db_i grad_psi b_i, through the generated samples' logits b."""
    rest: Tensor
    """What does not pass through the loss of the logits: the weighted penalties; exactly zero without."""

    @property
    def whole(self) -> Tensor:
        """grad_psi L_D."""
        return self.real + self.fake + self.rest

    @property
    def norms(self) -> tuple[float, float, float]:
        """(|real|, |fake|, |rest|). The rest far above the others: the penalties are the loss, lower their weight."""
        real, fake, rest = (torch.linalg.vector_norm(part, dtype=torch.float64).item() for part in self)
        return real, fake, rest

    @property
    def real_fake(self) -> float:
        """cos(real, fake). Near -1: what would tell the two apart cancels, as where they look alike to D."""
        return cosine(self.real, self.fake)

    @property
    def real_rest(self) -> float:
        """cos(real, rest); nan without penalties."""
        return cosine(self.real, self.rest)

    @property
    def fake_rest(self) -> float:
        """cos(fake, rest); nan without penalties."""
        return cosine(self.fake, self.rest)

    @property
    def data_rest(self) -> float:
        """cos(real + fake, rest). Near -1: the penalties hold the loss in balance, nothing is learnt any more."""
        return cosine(self.real + self.fake, self.rest)


def gradient_parts(game: Game, batch: Batch) -> GradientParts:
    """grad_psi L_D on `batch` at the game's point, by the path it takes; the generator is held constant.

    Of any loss, relativistic ones too, whose every term has both logits: first dL/da and dL/db of the loss with
    penalties held constant, then a product with the transposed Jacobian of the logits each. It goes by the measures of
    the discriminator's outcome: `real_logits`, `fake_logits` and `penalty_NAME`, with their graphs. Active dropout has
    other masks than in `Game.field`. Costs about one evaluation of the field. Raises InputError for a game whose
    outcome has no such logits, and for a discriminator without a parameter that requires a gradient.

    >>> from nablagan import losses, players
    >>> from nablagan.tasks import generation
    >>> pair = players.mlp.generator((2,), latent_size=4), players.mlp.discriminator((2,))
    >>> batch = Batch(torch.ones(8, 2), torch.ones(8, 4))
    >>> parts = gradient_parts(generation(*pair, loss=losses.wasserstein), batch)
    >>> parts.norms[2], parts.whole.shape == (sum(p.numel() for p in pair[1].parameters()),)
    (0.0, True)
    """
    if not game.sizes[1]:
        name = type(game.discriminator).__name__
        raise InputError(f"no parameter of {name} requires a gradient: there is no gradient to split")
    with torch.inference_mode(False), torch.enable_grad(), frozen(*game.players):
        theta, psi = game.point().split(game.sizes)
        fake = game.play(at(game.generator, theta), batch)
        variable = psi + torch.zeros_like(psi, requires_grad=True)
        outcome = game.discriminator_loss(at(game.discriminator, variable), fake, batch)
        parts = _parts(outcome, variable)
    return GradientParts(*game.mean(torch.stack(parts)))


def _parts(outcome: Outcome, psi: Tensor) -> list[Tensor]:
    loss, logits = outcome.loss.mean(), [_logits(outcome, name) for name in LOGITS]
    by_penalties = _by_penalties(outcome, loss, logits)
    whole = torch.autograd.grad(loss, logits, retain_graph=True, allow_unused=True)
    weights = [_given(w, name) - held for w, name, held in zip(whole, LOGITS, by_penalties, strict=True)]
    parts = [_pulled_back(value, weight, psi) for value, weight in zip(logits, weights, strict=True)]
    with ExitStack() as stack:  # what passes through the logits is replaced, not subtracted: the rest may be small
        for value, held in zip(logits, by_penalties, strict=True):
            stack.callback(value.register_hook(lambda _, held=held: held).remove)
        return [*parts, _pulled_back(loss, torch.ones_like(loss), psi)]


def _by_penalties(outcome: Outcome, loss: Tensor, logits: list[Tensor]) -> Sequence[Tensor]:
    """The part of dL/da and dL/db due to penalties that are functions of the logits themselves (centring)."""
    penalties = [v for k, v in outcome.measures.items() if k.startswith("penalty_") and v.requires_grad]
    if not penalties:
        return [torch.zeros_like(value) for value in logits]
    weights = torch.autograd.grad(loss, penalties, retain_graph=True, materialize_grads=True)
    return torch.autograd.grad(penalties, logits, weights, retain_graph=True, materialize_grads=True)


def _pulled_back(value: Tensor, weight: Tensor, psi: Tensor) -> Tensor:
    return torch.autograd.grad(value, psi, weight, retain_graph=True, materialize_grads=True)[0]


def _logits(outcome: Outcome, name: str) -> Tensor:
    logits = outcome.measures.get(name)
    if logits is None or not logits.requires_grad:
        raise InputError(
            f"the discriminator's outcome has no {name} with a graph: give a game whose measures have "
            "real_logits and fake_logits, as tasks.generation does"
        )
    return logits


def _given(weight: Tensor | None, name: str) -> Tensor:
    if weight is None:
        raise InputError(f"the discriminator's loss does not depend on its measure {name}: report the logits it uses")
    return weight
