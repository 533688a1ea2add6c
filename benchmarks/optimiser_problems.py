"""The problems on which benchmarks/optimisers.py compares updates: a grid of Gaussians, and digits of 16x16."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from digits_quality import train_classifier
from equal_time import kernel_distance
from nablagan import losses, penalties
from nablagan.data import open_dataset, to_tensor
from nablagan.game import Game
from nablagan.players import dcgan, mlp
from nablagan.tasks import generation
from nablagan.types import Batch, Penalty

Quality = dict[str, float]
GRID_LATENT, DIGIT_LATENT = 2, 16
GRID_SAMPLES, GRID_DEVIATION, GRID_COVERED = 1_000, 0.1, 10
DIGIT_SAMPLES, DIGIT_COVERED, DIGIT_CONFIDENCE = 1_000, 20, 0.9


class Problem(NamedTuple):
    """What is trained, and how its result is judged."""

    players: Callable[[], tuple[nn.Module, nn.Module]]
    penalties: Mapping[Penalty, float]
    batch: Callable[[torch.Generator], Batch]
    """The next batch."""
    samples: Callable[[nn.Module, int], Tensor]
    """(generator, seed) -> what is judged."""
    quality: Callable[[Tensor], Quality]
    score: Callable[[Quality], float]
    """Larger is better: by which the learning rate is chosen."""

    def game(self, seed: int) -> Game:
        """A new game, its weights drawn from the seed."""
        torch.manual_seed(seed)
        return generation(*self.players(), loss=losses.relativistic, penalties=self.penalties)


def grid_players() -> tuple[nn.Module, nn.Module]:
    """Multilayer players of the size `small`: three hidden layers of 128."""
    return mlp.generator((2,), latent_size=GRID_LATENT), mlp.discriminator((2,))


def grid_batch(draws: torch.Generator) -> Batch:
    """128 points of 25 Gaussians at -4, -2, ... 4 in both directions, twice as wide as those of builtin:grid.

    With builtin:grid's deviation of 0.05 the best of ten settings tried had 13 modes after twice the budget.
    """
    mode = torch.randint(25, (128,), generator=draws)
    centres = 2.0 * torch.stack([mode // 5, mode % 5], 1) - 4
    real = centres + GRID_DEVIATION * torch.randn(128, 2, generator=draws)
    return Batch(real, torch.randn(128, GRID_LATENT, generator=draws))


@torch.inference_mode()
def grid_samples(generator: nn.Module, seed: int) -> Tensor:
    """(GRID_SAMPLES, 2) points."""
    return generator(torch.randn(GRID_SAMPLES, GRID_LATENT, generator=torch.Generator().manual_seed(1_000 + seed)))


def grid_quality(points: Tensor) -> Quality:
    """`high_quality`: share of points within 3 deviations of a centre, at most 0.989, where real points are.

    `modes`: centres with at least GRID_COVERED such points, a quarter of their share, of 25. A shapeless cloud over the
    whole grid has 0.09 and no mode, or two by chance. `energy_distance` to 1,000 real points tells whether mass is
    where it should be, coarsely: for the cloud it is small (Székely & Rizzo 2013).
    """
    nearest = ((points + 4) / 2).round().clamp(0, 4)
    good = (points - (2 * nearest - 4)).norm(dim=1) < 3 * GRID_DEVIATION
    counts = torch.bincount((5 * nearest[:, 0] + nearest[:, 1]).long()[good], minlength=25)
    return {
        "modes": int((counts >= GRID_COVERED).sum()),
        "high_quality": float(good.float().mean()),
        "energy_distance": energy_distance(points, grid_points()),
    }


@cache
def grid_points() -> Tensor:
    """1,000 real points."""
    draws = torch.Generator().manual_seed(999)
    return torch.cat([grid_batch(draws).real for _ in range(8)])[:1_000]


def energy_distance(a: Tensor, b: Tensor) -> float:
    """2 E|a - b| - E|a - a'| - E|b - b'|, unbiased, of points (N, d)."""
    within = sum(torch.pdist(points).mean() for points in (a, b))
    return float(2 * torch.cdist(a, b).mean() - within)


def digit_players() -> tuple[nn.Module, nn.Module]:
    """The strided recipe's players in the size `tiny`."""
    shape = (1, 16, 16)
    generator = dcgan.generator(shape, latent_size=DIGIT_LATENT, size="tiny", gains=True)
    return generator, dcgan.discriminator(shape, size="tiny", kernel=3)


@cache
def digits() -> Tensor:
    """The 4,000 training digits (4000, 1, 16, 16)."""
    return to_tensor(open_dataset("builtin:digits", resolution=16).samples)


def digit_batch(draws: torch.Generator) -> Batch:
    """32 digits."""
    real = digits()[torch.randint(len(digits()), (32,), generator=draws)]
    return Batch(real, torch.randn(32, DIGIT_LATENT, generator=draws))


@torch.inference_mode()
def digit_samples(generator: nn.Module, seed: int) -> Tensor:
    """(DIGIT_SAMPLES, 1, 16, 16) images."""
    latents = torch.randn(DIGIT_SAMPLES, DIGIT_LATENT, generator=torch.Generator().manual_seed(1_000 + seed))
    return torch.cat([generator(part) for part in latents.split(250)]).clamp(-1, 1)


@cache
def judge() -> nn.Sequential:
    """A classifier of digits, trained on the 1,000 that no generator learns from, at 16x16 enlarged to 32x32."""
    heldout = open_dataset("builtin:digits-heldout", resolution=16)
    net = train_classifier(replace(heldout, samples=heldout.samples.repeat(2, 2).repeat(2, 3)), seed=0, epochs=20)
    assert isinstance(net, nn.Sequential)
    return net


def features(images: Tensor) -> Tensor:
    """The judge's last features (N, 2048) of images (N, 1, 16, 16)."""
    trunk = judge()[:-1]
    with torch.inference_mode():
        return torch.cat([trunk(interpolate(part, scale_factor=2.0)) for part in images.split(250)])


@cache
def real_features() -> Tensor:
    """Those of 1,000 training digits, evenly spread over the classes."""
    return features(digits()[torch.randperm(len(digits()), generator=torch.Generator().manual_seed(0))[:1_000]])


def digit_quality(images: Tensor) -> Quality:
    """`kernel_distance` x 1,000 to 1,000 training digits on the judge's features.

    `classes`: digits that at least DIGIT_COVERED of the samples are read as, a fifth of their share, with a probability
    of DIGIT_CONFIDENCE, of 10. `recognised`: share of samples read with that probability.
    """
    found = features(images)
    with torch.inference_mode():
        confidence, digit = judge()[-1](found).softmax(1).max(1)
    sure = confidence >= DIGIT_CONFIDENCE
    counts = torch.bincount(digit[sure], minlength=10)
    return {
        "kernel_distance": kernel_distance(found, real_features()),
        "classes": int((counts >= DIGIT_COVERED).sum()),
        "recognised": float(sure.float().mean()),
    }


def heldout_quality() -> Quality:
    """What real digits that no generator saw get: the best that can be asked for."""
    return digit_quality(to_tensor(open_dataset("builtin:digits-heldout", resolution=16).samples))


GRID = Problem(
    grid_players,
    {penalties.r1: 0.05, penalties.r2: 0.05},
    grid_batch,
    grid_samples,
    grid_quality,
    lambda quality: quality["modes"] + quality["high_quality"],
)
PROBLEMS = {
    "grid": GRID,
    "grid-plain": GRID._replace(penalties={}),
    "digits": Problem(
        digit_players,
        {penalties.r1: 0.25, penalties.r2: 0.25},
        digit_batch,
        digit_samples,
        digit_quality,
        lambda quality: -quality["kernel_distance"],
    ),
}
"""name -> problem; grid-plain is the grid without R1 and R2, so that the update must do the stabilising."""
