"""Whether unpaired translation found the right counterpart: pairs that training never saw as pairs judge it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor

from nablagan.metrics.intervals import LEVEL, Estimate
from nablagan.metrics.pairs import l1
from nablagan.types import InputError

Distance = Callable[[np.ndarray, np.ndarray], Tensor]
"""uint8 images (n, C, h, w) twice -> (n,)."""


class Nearness(NamedTuple):
    """Shares of outputs that are nearer to their true counterpart, with Wilson's intervals (1927)."""

    than_input: Estimate
    """... than the input is."""
    than_random: Estimate
    """... than another target, drawn at random, is."""
    than_both: Estimate
    pairs: int


def nearness(
    outputs: np.ndarray, inputs: np.ndarray, targets: np.ndarray, distance: Distance = l1, seed: int = 0
) -> Nearness:
    """How often d(output, truth) < d(input, truth), and < d(another target, truth), strictly.

    All uint8 (n, C, h, w), row i belonging to row i: bring inputs to the targets' channels before
    (`baselines.translation.identity`). The other targets are a seeded permutation in which none stays. Raises
    InputError for fewer than two pairs and for shapes that differ.

    >>> a = np.array([0, 100, 200], np.uint8).reshape(3, 1, 1, 1)
    >>> nearness(a, a[::-1], a).than_random.value
    1.0
    """
    if not outputs.shape == inputs.shape == targets.shape or len(targets) < 2:
        shapes = f"{outputs.shape}, {inputs.shape}, {targets.shape}"
        raise InputError(f"outputs, inputs and targets of shapes {shapes}; give equal ones, two pairs or more")
    own = distance(outputs, targets)
    input_nearer = own < distance(inputs, targets)
    random_nearer = own < distance(targets[others(len(targets), seed)], targets)
    counts = (input_nearer, random_nearer, input_nearer & random_nearer)
    than_input, than_random, than_both = (share(int(each.sum()), len(targets)) for each in counts)
    return Nearness(than_input, than_random, than_both, len(targets))


def others(count: int, seed: int) -> np.ndarray:
    """For each of `count` rows another one, each used once: a cycle through a drawn order."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).numpy()
    found = np.empty(count, np.int64)
    found[order] = np.roll(order, 1)
    return found


def share(successes: int, count: int) -> Estimate:
    """successes / count with Wilson's 95 % interval (Wilson 1927).

    >>> [round(x, 4) for x in share(8, 10)]
    [0.8, 0.4902, 0.9433]
    """
    z, p = float(norm.ppf(0.5 + LEVEL / 2)), successes / count
    centre = (p + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return Estimate(p, centre - reach, centre + reach)
