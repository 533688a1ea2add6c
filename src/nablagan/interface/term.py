"""An adversarial term for a model and a training loop that are not ours."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nablagan.game import detached
from nablagan.interface.normalisation import GradientNormalisation
from nablagan.objectives import (
    Weight,
    check_penalties,
    discriminator_objective,
    generator_objective,
    patchwise,
    weight_at,
)
from nablagan.pure import places
from nablagan.types import InputError, Loss, Pair, Penalty

Call = Callable[[nn.Module, Tensor, Tensor | None], Tensor]
"""(discriminator, images, label) -> logits (batch, ...)."""


def plain_call(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """`discriminator(images)`, or `discriminator(images, label)` where there are labels."""
    return discriminator(images) if label is None else discriminator(images, label)


class AdversarialTerm:
    """A discriminator and its objective as two scalars for somebody else's loop: one for the model, one for itself.

        fake = model(real)
        loss = reconstruction(fake, real) + term.generator_loss(real, fake)   # moves the model only
        term.discriminator_loss(real, fake).backward()                        # moves the discriminator only

    Each with its own optimiser, in either order. The discriminator may give one logit a sample or many (patches): each
    patch is judged by the loss, penalties look at a sample's mean logit. `call` says how it is called if not as
    `plain_call` does: `lambda d, images, label: d(images)[0]`. For several discriminators (periods, scales) make a list
    of terms and add up their losses.

    Until the discriminator has been trained on `start` images (as many as `discriminator_loss` was given here, on this
    process), the generator's loss is 0: a discriminator that knows nothing yet, switched on at full weight, undoes what
    the model has learnt. `weight` is the generator's, a number or a function of the images seen; penalties and their
    weights are those of `tasks.generation`. With a `normalisation` the weight is the size of the gradient, the loss is
    L_G itself, and a factor that you put on it has no effect.

    The term is no module, lest the discriminator's parameters get into the model's optimiser; `state_dict` has what a
    resumed training needs besides the discriminator. Raises InputError for wrong weights, and for penalties on a
    discriminator with batch normalisation.

    >>> from nablagan import losses, penalties, players
    >>> term = AdversarialTerm(players.mlp.discriminator((2,)), losses.hinge, {penalties.r1: 1.0})
    >>> real, fake = torch.zeros(8, 2), torch.ones(8, 2, requires_grad=True)
    >>> term.generator_loss(real, fake).backward(), term.discriminator_loss(real, fake).backward()
    (None, None)
    >>> fake.grad.shape, sorted(term.measures)[:3]
    (torch.Size([8, 2]), ['discriminator_loss', 'fake_logits', 'generator_loss'])
    """

    def __init__(
        self,
        discriminator: nn.Module,
        loss: Loss,
        penalties: Mapping[Penalty, Weight] | None = None,
        weight: Weight = 1.0,
        start: int = 0,
        normalisation: GradientNormalisation | None = None,
        call: Call = plain_call,
    ) -> None:
        if not isinstance(discriminator, nn.Module) or isinstance(discriminator, (nn.ModuleList, nn.ModuleDict)):
            raise InputError(
                f"the discriminator is a {type(discriminator).__name__}: give one nn.Module, and a list of terms for "
                "several"
            )
        if not callable(weight) and not weight >= 0:
            raise InputError(f"the adversarial weight is {weight}: give a number >= 0")
        if not start >= 0:
            raise InputError(f"start is {start}: give the number of images that the discriminator learns from alone")
        self.penalties = dict(penalties or {})
        check_penalties(self.penalties, discriminator, "discriminator")
        self.discriminator, self.loss, self.weight, self.start = discriminator, patchwise(loss), weight, start
        self.normalisation, self.call = normalisation, call
        self.images_seen = 0
        """Real images that the discriminator has been trained on through this term."""
        self.measures: dict[str, Tensor] = {}
        """Scalars of the last call of each loss, without graph: `generator_loss`, `generator_weight`,
        `discriminator_loss`, `real_logits`, `fake_logits`, `penalty_NAME` (unweighted)."""

    @property
    def is_warming_up(self) -> bool:
        """Whether the generator's loss is still 0."""
        return self.images_seen < self.start

    def generator_loss(self, real: Tensor, fake: Tensor, label: Tensor | None = None) -> Tensor:
        """weight times the mean L_G, a scalar to add to the model's loss; `fake` has the model's graph.

        The discriminator is held constant, on a copy: its parameters get no gradient, its buffers (power iterations,
        running statistics) do not move, and it may step before you go backward. 0 while `is_warming_up`, then without
        asking the discriminator. Raises InputError for samples of different shapes and logits that are not one tensor
        with a row for each sample.
        """
        _check_pair(real, fake)
        weight = 0.0 if self.is_warming_up else weight_at(self.weight, self.images_seen)
        loss = (0 * fake).sum() if self.is_warming_up else self._generator_loss(detached(real), fake, label, weight)
        self._report({"generator_loss": loss, "generator_weight": torch.tensor(weight)})
        return loss

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, label: Tensor | None = None, key: Tensor | None = None
    ) -> Tensor:
        """The mean of L_D and weighted penalties, a scalar for the discriminator alone: both samples are cut off here.

        Counts the images, except under torch.no_grad(). Penalties that draw noise draw it as a function of `key`
        (batch, ...), by default of the samples themselves. Raises InputError as `generator_loss` does.
        """
        _check_pair(real, fake)
        real, fake = detached((real, fake))
        noise = torch.cat([real.flatten(1), fake.flatten(1)], 1) if key is None else key
        judge = Judge(self.discriminator, self.call)
        pair = Pair(real, fake, label, noise, self.images_seen)
        outcome = discriminator_objective(self.loss, self.penalties, judge, pair)
        loss = outcome.loss.mean()
        if torch.is_grad_enabled():
            self.images_seen += len(real)
        self._report({"discriminator_loss": loss, **outcome.measures})
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The images seen, and the state of the normalisation."""
        return {
            "images_seen": self.images_seen,
            "normalisation": self.normalisation.state_dict() if self.normalisation else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave. InputError for another's, and for a normalisation that this term has not."""
        if set(state) != {"images_seen", "normalisation"}:
            raise InputError(f"the state of an adversarial term has no {sorted(state)}: give its own state_dict()")
        if state["normalisation"] and not self.normalisation:
            raise InputError("the state is that of a term with gradient normalisation: make this one with it too")
        if self.normalisation:
            self.normalisation.load_state_dict(state["normalisation"])
        self.images_seen = state["images_seen"]

    def _generator_loss(self, real: Tensor, fake: Tensor, label: Tensor | None, weight: float) -> Tensor:
        factor = weight
        if self.normalisation:
            fake, factor = self.normalisation(fake, weight), 1.0
        judge = StillJudge(self.discriminator, self.call)
        return factor * generator_objective(self.loss, judge, Pair(real, fake, label)).loss.mean()

    def _report(self, measures: dict[str, Tensor]) -> None:
        self.measures |= {name: detached(value).mean() for name, value in measures.items()}


class Judge:
    """(images, label) -> logits, the module called as the user says; checks what it gives."""

    def __init__(self, discriminator: nn.Module, call: Call) -> None:
        self.discriminator, self.call = discriminator, call

    def __call__(self, images: Tensor, label: Tensor | None) -> Tensor:
        logits = self._logits(images, label)
        if not isinstance(logits, Tensor):
            raise InputError(
                f"the discriminator gave a {type(logits).__name__}, not a tensor of logits: choose one with "
                "call=lambda d, images, label: d(images)[0], and make a term for each of several discriminators"
            )
        if logits.shape[:1] != images.shape[:1]:
            raise InputError(
                f"the discriminator gave logits {tuple(logits.shape)} for samples {tuple(images.shape)}: give one "
                "logit or more for each sample, (batch, ...)"
            )
        return logits

    def _logits(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self.call(self.discriminator, images, label)


class StillJudge(Judge):
    """The same, held constant: on copies of its parameters, and of its buffers anew for each call.

    Copies rather than `game.held`: the discriminator may step before one goes backward through these logits.
    """

    def __init__(self, discriminator: nn.Module, call: Call) -> None:
        super().__init__(discriminator, call)
        self.parameters = {id(p): detached(p).clone() for p in discriminator.parameters()}

    def _logits(self, images: Tensor, label: Tensor | None) -> Tensor:
        module = _Called(self.discriminator, self.call)
        now = self.parameters | {id(buffer): buffer.clone() for buffer in module.buffers()}
        state = {name: now[id(tensor)] for name, tensor in places(module)}
        return torch.func.functional_call(module, state, (images, label), tie_weights=False)


class _Called(nn.Module):
    """A module whose forward pass is another's, called as the user says."""

    def __init__(self, discriminator: nn.Module, call: Call) -> None:
        super().__init__()
        self.discriminator, self.call = discriminator, call

    def forward(self, images: Tensor, label: Tensor | None) -> Tensor:
        return self.call(self.discriminator, images, label)


def _check_pair(real: Tensor, fake: Tensor) -> None:
    if real.shape != fake.shape or not real.is_floating_point() or not fake.is_floating_point():
        raise InputError(
            f"real samples are {real.dtype} {tuple(real.shape)}, fake ones {fake.dtype} {tuple(fake.shape)}: give "
            "floating-point batches of one shape"
        )
