"""Vital signs of a game of samples: cheap figures, taken again and again on the same samples while it is played."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nablagan.diagnostics.overlap import logit_drift, overfitting, separability, sign_rate
from nablagan.diagnostics.spread import coarse, energy_distance, paired_distance
from nablagan.game import Game
from nablagan.pure import at, frozen
from nablagan.types import Batch

Player = Callable[..., Any]


class Exam(NamedTuple):
    """What the vital signs are taken on: the same samples and latents every time."""

    batch: Batch
    """Samples that training uses."""
    again: Batch
    """The same with other latents; of a translator, with the sources of other samples."""
    reference: Tensor
    """(N, d) real samples as `spread.coarse` gives them."""
    real_spread: float
    """Mean distance of two real samples of one class, in the same coordinates."""
    heldout: Batch | None = None
    """M real samples that training never uses, and what belongs to them."""


def vital_signs(game: Game, exam: Exam) -> dict[str, float]:
    """Figures by name, at the game's point and without moving anything of it.

    - `diversity`: mean distance of two generated samples of a class (two translations) over that of real ones; towards
      0 in collapse
    - `sample_distance`: energy distance between generated and real samples, relative to the real ones' own distances
    - `overlap`: probability that the discriminator ranks a training sample above a generated one, 1/2 to 1
    - `memorisation`: the same of a training sample above a held-out one; above 1/2 what it knows by heart
    - `overfitting`: r_v, `sign_rate`: r_t, `drift`: mean of all logits (`diagnostics.overlap`)
    - `generator_signal`: mean norm of a sample's gradient dL_G/dG(z), what the generator has to learn from

    `memorisation` and `overfitting` are missing without held-out samples, `diversity` and `sample_distance` where all
    real samples are alike. Costs two generated batches, three judged ones and one gradient in the samples: less than
    half a step of training with gradient penalties.
    """
    batch = exam.batch
    with frozen(*game.players):
        generator, discriminator = _players(game)
        made = game.play(generator, batch)
        fake = _images(made)
        with torch.no_grad():
            first, second = coarse(fake), coarse(_images(game.play(generator, exam.again)))
            real_logits, fake_logits = (_judged(game, discriminator, x, batch) for x in (batch.real, fake))
            unknown = exam.heldout
            heldout = None if unknown is None else _judged(game, discriminator, unknown.real, unknown)
        signal = _signal(game, discriminator, made, batch)
    found = {
        "overlap": separability(real_logits, fake_logits),
        "sign_rate": sign_rate(real_logits),
        "drift": logit_drift(real_logits, fake_logits),
        "generator_signal": signal,
    }
    if exam.real_spread > 0:
        found["diversity"] = paired_distance(first, second) / exam.real_spread
        found["sample_distance"] = energy_distance(torch.cat([first, second]), exam.reference)
    if heldout is not None:
        found["memorisation"] = separability(real_logits, heldout)
        found["overfitting"] = overfitting(real_logits, heldout, fake_logits)
    return found


def _players(game: Game) -> tuple[Player, Player]:
    """Generator and discriminator as functions at the game's point; no graph leads to their parameters."""
    theta, psi = game.point().split(game.sizes)
    return at(game.generator, theta), at(game.discriminator, psi)


def _images(made: Any) -> Tensor:
    """The samples in what a task generates."""
    return getattr(made, "images", made)


def _judged(game: Game, discriminator: Player, images: Tensor, batch: Batch) -> Tensor:
    """(batch,): of several logits a sample (patches) the mean."""
    return game.judge(discriminator, batch)(images, batch.label).reshape(len(images), -1).mean(1).float()


def _signal(game: Game, discriminator: Player, made: Any, batch: Batch) -> float:
    """The mean over samples of |dL_G/dG(z)|; penalties of the generator are constants here."""

    def loss(images: Tensor) -> Tensor:
        fake = made._replace(images=images) if hasattr(made, "images") else images
        return game.generator_loss(discriminator, fake, batch).loss.sum()

    slope = torch.func.grad(loss)(_images(made))
    return slope.flatten(1).norm(dim=1).mean().item()
