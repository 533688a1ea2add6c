"""The records every layer speaks: Batch, Pair, PlayerLosses, and the error for wrong input.

Imports no torch, so that wrong input is refused and a report is drawn without its second of loading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class InputError(ValueError):
    """What the caller gave cannot be used; the message names the thing and the remedy (exit code 2)."""


class Batch(NamedTuple):
    """All data and randomness of one evaluation of the game: same batch, same point, same field, bit for bit."""

    real: Tensor
    """(batch, channels, height, width) images in [-1, 1], or (batch, 2) points."""
    latent: Tensor
    """(batch, latent_size) standard normal draws."""
    label: Tensor | None = None
    """(batch,) class indices, shared by the real and the generated sample of each pair."""
    mask: Tensor | None = None
    """(batch, 1, height, width), for completion: 1 where a pixel is missing, 0 where it is known."""
    augmentation: Tensor | None = None
    """(batch, draws) uniform draws in [0, 1) for the discriminator's augmentation."""
    images_seen: int = 0
    """Real images shown to the discriminator before this batch."""
    source: Tensor | None = None
    """(batch, source_channels, h, w) images in [-1, 1] to be translated; of the same rows as `real` if in pairs."""

    def rows(self, selection: Any) -> Batch:
        """The batch of some of its samples: each tensor indexed alike, by a slice or by indices (k,)."""
        tensors = {name: value for name, value in self._asdict().items() if value is not None}
        del tensors["images_seen"]
        return self._replace(**{name: value[selection] for name, value in tensors.items()})


class Pair(NamedTuple):
    """What a penalty looks at: real and generated samples side by side."""

    real: Tensor
    fake: Tensor
    label: Tensor | None = None
    key: Tensor | None = None
    """(batch, ...) what a penalty's noise is a function of, different for each sample: the latent."""
    images_seen: int | None = None
    """That of the batch, for penalties that leave out steps."""


class Outcome(NamedTuple):
    """What one player's objective gives for a batch."""

    loss: Tensor
    """(batch,) to be minimised; its mean is the player's loss."""
    measures: dict[str, Tensor]
    """What went into it, by name, (batch,) each: logits, unweighted penalties."""


class PlayerLosses(NamedTuple):
    """One value for each player, both minimised: per sample (batch,) from a loss, scalars from a game."""

    generator: Tensor
    discriminator: Tensor


Generator = Callable[["Tensor", "Tensor | None"], "Tensor"]
"""(latent, label) -> images."""
Discriminator = Callable[["Tensor", "Tensor | None"], "Tensor"]
"""(images, label) -> logits (batch,)."""
Loss = Callable[["Tensor", "Tensor"], PlayerLosses]
"""(real_logits, fake_logits) -> losses per sample."""
Penalty = Callable[[Discriminator, Pair], "Tensor"]
"""(discriminator, pair) -> (batch,), half a squared norm or difference; its weight is kept outside."""
GeneratorPenalty = Callable[[Generator, Batch], "Tensor"]
"""(generator, batch) -> (batch,), likewise."""
