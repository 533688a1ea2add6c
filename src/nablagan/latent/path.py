"""How far the image travels when its latent does: perceptual path length (Karras et al. 2019)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.latent.products import checked_finite, checked_labels, held
from nablagan.types import Generator, InputError

Distance = Callable[[Tensor, Tensor], Tensor]
"""(images, images) -> (N,), squared: for images that differ little it grows as the square of their difference."""
Interpolation = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(start, end, at (N, 1)) -> latents between."""


class PathLength(NamedTuple):
    """The estimate, and the names of what it depends on: values of different distances cannot be compared."""

    mean: float
    standard_error: float
    """Of the mean over the pairs of latents; nan for one pair."""
    distance: str
    interpolation: str
    step: float
    pairs: int


def squared_euclidean(images: Tensor, others: Tensor) -> Tensor:
    """The sum over an image's values of squared differences, (N,), float64."""
    return (images.double() - others.double()).flatten(1).square().sum(1)


def great_circle(start: Tensor, end: Tensor, at: float | Tensor) -> Tensor:
    """Spherical interpolation between latents (N, d), so that no frame leaves the typical shell (Shoemake 1985)."""
    cosine = torch.cosine_similarity(start, end, dim=1).unsqueeze(1)
    angle = torch.acos(cosine.clamp(-1, 1))
    weights = torch.sin((1 - at) * angle), torch.sin(at * angle)
    return (weights[0] * start + weights[1] * end) / torch.sin(angle).clamp_min(1e-6)


def straight_line(start: Tensor, end: Tensor, at: float | Tensor) -> Tensor:
    """Linear interpolation between latents (N, d)."""
    return start + at * (end - start)


def path_length(
    generator: Generator,
    start: Tensor,
    end: Tensor,
    label: Tensor | int | None = None,
    distance: Distance = squared_euclidean,
    interpolation: Interpolation = great_circle,
    step: float = 1e-4,
    seed: int = 0,
) -> PathLength:
    """E[d(G(z(t)), G(z(t + step))) / step^2] along paths z(t) from `start` to `end` (N, d), t uniform in [0, 1).

    Karras et al. (2019), equations 2 and 3. The distance d is squared. By default it is Euclidean in pixels, not
    perceptual, and the result's `distance` says so; give another as a function, such as one of a network's features.
    Then it is E||J dz/dt||^2: with `straight_line` and standard normal ends, 2 ||A||^2 for a linear generator A z.
    `seed` draws t. Costs 2 N forward passes. Raises InputError for shapes that do not fit and a step outside (0, 0.1].

    >>> path_length(lambda z, label: 3 * z, torch.zeros(2, 4), torch.ones(2, 4), interpolation=straight_line).pairs
    2
    """
    label = checked_labels(start, label)
    if end.shape != start.shape or end.dtype != start.dtype:
        raise InputError(
            f"ends have {end.dtype} {tuple(end.shape)}, starts {start.dtype} {tuple(start.shape)}: give pairs"
        )
    if not 0 < step <= 0.1:
        raise InputError(f"step is {step}: give a part of the path in (0, 0.1], such as 1e-4")
    random = torch.Generator().manual_seed(seed)
    at = torch.rand(len(start), 1, generator=random, dtype=torch.float64).to(start)
    near, far = (_images(generator, interpolation(start, end, t), label) for t in (at, at + step))
    lengths = checked_finite(distance(near, far)).double() / step**2
    if lengths.shape != start.shape[:1]:
        raise InputError(
            f"the distance gives shape {tuple(lengths.shape)}: it must give ({len(start)},), one for each pair"
        )
    error = lengths.std().item() / math.sqrt(len(lengths)) if len(lengths) > 1 else math.nan
    return PathLength(lengths.mean().item(), error, _name(distance), _name(interpolation), step, len(start))


def _images(generator: Generator, latent: Tensor, label: Tensor | None, rows: int = 100) -> Tensor:
    """(N, *shape), `rows` at a time."""
    labels = [None] * len(latent) if label is None else label.split(rows)
    with held(generator):
        return torch.cat([generator(z, y) for z, y in zip(latent.split(rows), labels, strict=False)])


def _name(function: Callable[..., Tensor]) -> str:
    return getattr(function, "__name__", type(function).__name__)
