"""How far a discriminator's logits of real, held-out and generated samples overlap; functions of logits alone."""

import torch
from torch import Tensor

from nablagan.types import InputError


def separability(first: Tensor, second: Tensor) -> float:
    """P(a > b) + P(a = b)/2 for a of `first` (n,) and b of `second` (m,): the area under the ROC curve.

    1/2 where the two cannot be told apart, 1 where each a is above each b; unchanged by any increasing function of the
    logits (Mann and Whitney 1947). Its standard error under equality is sqrt((n + m + 1) / 12 n m). Raises InputError
    for no logits, and for more than one a sample.

    >>> separability(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]))
    0.875
    """
    _check(first=first, second=second)
    return 0.5 + 0.5 * float(_sign(first.double().unsqueeze(1) - second.double()).mean())


def sign_rate(real_logits: Tensor) -> float:
    """r_t = E sign D(x) over training samples, in [-1, 1] (Karras et al. 2020, "ADA", equation 1).

    Above 0.6 they raise the strength of augmentation. It has a meaning where a logit of 0 is undecided: not with
    relativistic and Wasserstein losses. Raises InputError for no logits.

    >>> sign_rate(torch.tensor([2.0, 1.0, -1.0, 3.0]))
    0.5
    """
    _check(real_logits=real_logits)
    return float(_sign(real_logits.double()).mean())


def overfitting(real_logits: Tensor, heldout_logits: Tensor, fake_logits: Tensor) -> float:
    """r_v = (E D(x) - E D(x')) / (E D(x) - E D(G(z))), x' held out (Karras et al. 2020, "ADA", equation 1).

    0: held-out samples are judged like those of training; 1: like generated ones. Not finite where real and generated
    samples have equal means. Unchanged by shift and scale of the logits. Raises InputError for no logits.

    >>> overfitting(torch.tensor([3.0]), torch.tensor([2.0]), torch.tensor([-1.0]))
    0.25
    """
    _check(real_logits=real_logits, heldout_logits=heldout_logits, fake_logits=fake_logits)
    real, heldout, fake = (logits.double().mean() for logits in (real_logits, heldout_logits, fake_logits))
    return float((real - heldout) / (real - fake))


def logit_drift(real_logits: Tensor, fake_logits: Tensor) -> float:
    """(E a + E b)/2: where the logits are, which a relativistic or Wasserstein loss leaves free.

    Raises InputError for no logits.

    >>> logit_drift(torch.tensor([3.0]), torch.tensor([-1.0]))
    1.0
    """
    _check(real_logits=real_logits, fake_logits=fake_logits)
    return float(real_logits.double().mean() + fake_logits.double().mean()) / 2


def _sign(values: Tensor) -> Tensor:
    """-1, 0 or 1; nan of nan, which torch.sign takes for 0."""
    return torch.where(values.isnan(), values, values.sign())


def _check(**logits: Tensor) -> None:
    for name, values in logits.items():
        if values.ndim != 1 or not len(values):
            raise InputError(f"{name} has shape {tuple(values.shape)}: give (n,), one logit a sample")
