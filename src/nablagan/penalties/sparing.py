"""Cheaper penalties with the same mean: on some steps only, on some samples only.

Both are partials of functions at the top level, so that a run that holds them has a JSON form.
"""

from functools import partial

import torch
from torch import Tensor

from nablagan.penalties.judging import of_rows
from nablagan.types import Discriminator, InputError, Pair, Penalty


def lazily(penalty: Penalty, batch_size: int, every: int = 16) -> Penalty:
    """`every` times the penalty at each `every`-th step, else zeros that cost nothing (Karras et al. 2020, appendix B).

    The step is images_seen // batch_size, so a resumed run goes on in step; `batch_size` is the global one, of all
    processes. With Adam the paper also multiplies the learning rate by c = every / (every + 1) and takes betas to the
    power c. Raises InputError for a pair that does not say images_seen.
    """
    if every < 1 or batch_size < 1:
        raise InputError(f"every {every} steps of {batch_size} images: give 1 or more of each")
    return partial(at_every, penalty=penalty, batch_size=batch_size, every=every)


def on_fraction(penalty: Penalty, fraction: float) -> Penalty:
    """The penalty on that fraction of the batch, evenly spaced rows, divided by it; zero for the others.

    Rows are the same for a batch split evenly over processes. Raises InputError for a fraction outside (0, 1], and,
    when called, if it does not give a whole number of rows (of each process).
    """
    if not 0 < fraction <= 1:
        raise InputError(f"a fraction {fraction} of the batch: give a number above 0, at most 1")
    return partial(at_fraction, penalty=penalty, fraction=fraction)


def at_every(discriminator: Discriminator, pair: Pair, penalty: Penalty, batch_size: int, every: int) -> Tensor:
    """What `lazily` gives, (batch,)."""
    if pair.images_seen is None:
        raise InputError("a lazy penalty goes by the images seen: give Pair(..., images_seen=batch.images_seen)")
    if pair.images_seen // batch_size % every:
        return pair.real.new_zeros(len(pair.real))
    return every * penalty(discriminator, pair)


def at_fraction(discriminator: Discriminator, pair: Pair, penalty: Penalty, fraction: float) -> Tensor:
    """What `on_fraction` gives, (batch,)."""
    size = len(pair.real)
    count = round(size * fraction)
    if count < 1 or abs(count - size * fraction) > 1e-6:
        raise InputError(f"a fraction {fraction} of {size} samples is not whole: change it or the batch size")
    rows = torch.arange(count, device=pair.real.device) * size // count
    chosen = pair._replace(**{name: v[rows] for name, v in pair._asdict().items() if isinstance(v, Tensor)})
    value = penalty(of_rows(discriminator, rows), chosen) * (size / count)
    return value.new_zeros(size).index_add(0, rows, value)
