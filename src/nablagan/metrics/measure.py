"""Every figure of two sets of features at once, each with its interval."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nablagan.metrics.arrays import Array, checked_pair, require_spread, shuffled
from nablagan.metrics.classes import inception_estimate, modes_estimate
from nablagan.metrics.diversity import vendi_estimate
from nablagan.metrics.frechet import frechet_estimates
from nablagan.metrics.intervals import Estimate
from nablagan.metrics.kernel import Kernel, KernelSums, polynomial
from nablagan.metrics.neighbours import Balls, Nearest, check_neighbours, neighbour_estimates
from nablagan.metrics.sliced import sliced_estimate
from nablagan.metrics.tiles import BLOCK, GROUPS, tiles_between, tiles_within
from nablagan.types import InputError

LEAST = 2 * GROUPS
"""Samples that intervals need: two in each group of the jackknife."""


@dataclass(frozen=True)
class Settings:
    """What the figures depend on besides the features; it belongs into every record of them."""

    precision_neighbours: int = 3
    coverage_neighbours: int = 5
    kernel: Kernel = polynomial
    projections: int = 128
    seed: int = 0
    block: int = BLOCK
    """Rows of a tile: memory, not values."""


def measure(
    real: Array,
    fake: Array,
    settings: Settings | None = None,
    probabilities: Array | None = None,
    labels: Array | None = None,
    classes: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Estimate]:
    """Value and 95 % interval by name, of features real (n, d) and fake (m, d), n, m >= 20, the inner products shared.

    Names: kernel_distance, frechet_distance, frechet_distance_at_infinity, precision, recall, density, coverage,
    sliced_wasserstein, vendi_real, vendi_fake; inception_score where `probabilities` (m, classes) of the generated
    images are given, modes_found and modes_divergence where their `labels` (m,) below `classes` are. Float64;
    O((n + m)^2 d) and O(d^3) time, tiles of memory besides the features. `progress(done, stages)`. Raises InputError.
    """
    chosen = Settings() if settings is None else settings
    first, second = checked_pair(real, fake, least=LEAST, names=("real", "fake"))
    for name, features in (("real", first), ("fake", second)):
        require_spread(name, features)
        check_neighbours(name, features, 2 * max(chosen.precision_neighbours, chosen.coverage_neighbours))
    pair = shuffled(first, chosen.seed), shuffled(second, chosen.seed + 1)
    stages: list[Callable[[], dict[str, Estimate]]] = [
        lambda: _of_answers(probabilities, labels, classes),
        lambda: _of_tiles(*pair, chosen),
        lambda: _frechet(*pair, chosen),
        lambda: {"sliced_wasserstein": sliced_estimate(*pair, chosen.projections, chosen.seed)},
        lambda: {"vendi_real": vendi_estimate(first), "vendi_fake": vendi_estimate(second)},
    ]
    figures: dict[str, Estimate] = {}
    for done, stage in enumerate(stages):
        figures |= stage()
        if progress:
            progress(done + 1, len(stages))
    return figures


def _of_tiles(real: Tensor, fake: Tensor, chosen: Settings) -> dict[str, Estimate]:
    """Kernel distance and neighbourhoods from the same inner products."""
    sums, most = KernelSums(real, fake), max(chosen.precision_neighbours, chosen.coverage_neighbours)
    sides = Nearest(real, most, chosen.block), Nearest(fake, most, chosen.block)
    for features, see, nearest in zip((real, fake), (sums.see_first, sums.see_second), sides, strict=True):
        for tile in tiles_within(features, chosen.block):
            see(tile, chosen.kernel(tile))
            nearest.see(tile)
    balls = Balls(*sides, chosen.precision_neighbours, chosen.coverage_neighbours, groups=GROUPS)
    for tile in tiles_between(real, fake, chosen.block):
        sums.see_between(tile, chosen.kernel(tile))
        balls.see(tile)
    return {"kernel_distance": sums.estimate(), **neighbour_estimates(balls.figures())._asdict()}


def _frechet(real: Tensor, fake: Tensor, chosen: Settings) -> dict[str, Estimate]:
    here, at_infinity = frechet_estimates(real, fake, chosen.seed)
    return {"frechet_distance": here, "frechet_distance_at_infinity": at_infinity}


def _of_answers(probabilities: Array | None, labels: Array | None, classes: int) -> dict[str, Estimate]:
    figures = {} if probabilities is None else {"inception_score": inception_estimate(probabilities)}
    if labels is not None:
        if classes < 2:
            raise InputError(f"labels were given and classes is {classes}; give the number of classes")
        found, divergence = modes_estimate(labels, classes)
        figures |= {"modes_found": found, "modes_divergence": divergence}
    return figures
