"""Penalties on logits rather than their slopes; both cost forward passes only."""

from collections.abc import Callable

from torch import Tensor

from nablagan.penalties.points import Place, Points, real
from nablagan.types import Discriminator, Pair

Change = Callable[[Points], Tensor]
"""points -> images that should be judged alike, drawing only from `noise.uniform` and its kin."""


def consistency(discriminator: Discriminator, pair: Pair, change: Change, place: Place = real) -> Tensor:
    """Half (D(change(x)) - D(x))^2 at the place's points, (batch,) (Zhao et al. 2021, bCR).

    The paper's lambda is weight 2 lambda, at `real` and at `fake`. With change = x + sigma v it is sigma^2 times R1 by
    `random_fd`. Both logits pass gradients.

    >>> import torch
    >>> pair = Pair(torch.tensor([[1.0]]), torch.tensor([[5.0]]))
    >>> consistency(lambda x, label: x.sum(1), pair, change=lambda points: -points.images)
    tensor([2.])
    """
    points = place(pair)
    changed = discriminator(change(points), pair.label)
    return 0.5 * (changed - discriminator(points.images, pair.label)).square()


def centring(discriminator: Discriminator, pair: Pair) -> Tensor:
    """Half the square of each pair's mean logit, ((a + b) / 2)^2 / 2, (batch,).

    Relativistic losses see a - b only, so their logits drift together; this holds them. c (a + b)^2 in a loss, as in
    Adversarial Flow Models (c = 0.01), is weight 8 c.

    >>> import torch
    >>> centring(lambda x, label: x.sum(1), Pair(torch.tensor([[1.0]]), torch.tensor([[5.0]])))
    tensor([4.5000])
    """
    mean = (discriminator(pair.real, pair.label) + discriminator(pair.fake, pair.label)) / 2
    return 0.5 * mean.square()
