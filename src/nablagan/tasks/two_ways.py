"""Translation between two sets of images without pairs, both ways at once: each way must undo the other."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from nablagan.game import Game
from nablagan.objectives import Weight, check_penalties
from nablagan.players.two_ways import Ways
from nablagan.tasks.adversary import Adversary, distance
from nablagan.tasks.translation import check_weights, source_of
from nablagan.types import Batch, Loss, Outcome, Pair, Penalty


def two_ways(
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    penalties: Mapping[Penalty, Weight] | None = None,
    cycle: float = 10.0,
    identity: float = 5.0,
    **options: Any,
) -> Game:
    """The game of CycleGAN (Zhu et al. 2017, equation 3), with any loss and penalties.

    Generators G: x -> y and F: y -> x, discriminators of targets y and sources x (`players.two_ways`). L_G = both
    adversarial parts + `cycle` (|F(G(x)) - x| + |G(F(y)) - y|) + `identity` (|G(y) - y| + |F(x) - x|), mean absolute
    values; L_D = both discriminators' losses and penalties. `source` and `real` of a batch are images of the two
    domains that have nothing to do with each other. `identity` counts if the generators keep (`players.two_ways`).
    The defaults are the paper's; recipe translate takes cycle 2 and identity 0.
    Measures: `cycle`, `identity`, those of `generation` for the way there, and the same with `back_` before the name.
    """
    check_weights(cycle=cycle, identity=identity)
    check_penalties(dict(penalties or {}), discriminator, "discriminator")
    adversary = Adversary(loss, dict(penalties or {}))

    def play(generator: Any, batch: Batch) -> Ways:
        return generator(source_of(batch), batch.real, batch.latent)

    def generator_loss(discriminator: Any, fake: Ways, batch: Batch) -> Outcome:
        there, back = (adversary.persuaded(side.judge, side.pair) for side in sides(discriminator, fake, batch))
        returned = distance(fake.returned_source, source_of(batch)) + distance(fake.returned_target, batch.real)
        measures = both(there, back) | {"cycle": returned}
        total = there.loss + back.loss + cycle * returned
        if fake.kept:
            measures["identity"] = distance(fake.kept[0], batch.real) + distance(fake.kept[1], source_of(batch))
            total = total + identity * measures["identity"]
        return Outcome(total, measures)

    def discriminator_loss(discriminator: Any, fake: Ways, batch: Batch) -> Outcome:
        there, back = (adversary.taught(side.judge, side.pair) for side in sides(discriminator, fake, batch))
        return Outcome(there.loss + back.loss, both(there, back))

    return Game(generator, discriminator, play, generator_loss, discriminator_loss, **options)


class Side(NamedTuple):
    """One discriminator and what it is to tell apart."""

    judge: Any
    pair: Pair


def sides(discriminator: Any, fake: Ways, batch: Batch) -> tuple[Side, Side]:
    """The way there, and the way back."""
    there = Pair(batch.real, fake.images, None, batch.latent, batch.images_seen)
    back = Pair(source_of(batch), fake.back, None, -batch.latent, batch.images_seen)
    return Side(discriminator, there), Side(OfSources(discriminator), back)


class OfSources:
    """The discriminator of sources in `players.two_ways.TwoJudges`."""

    def __init__(self, discriminator: Any) -> None:
        self.discriminator = discriminator

    def __call__(self, images: Tensor, label: Tensor | None, features: bool = False) -> Any:
        return self.discriminator(images, label, features, True)


def both(there: Outcome, back: Outcome) -> dict[str, Tensor]:
    """The measures of both ways."""
    return there.measures | {f"back_{name}": value for name, value in back.measures.items()}
