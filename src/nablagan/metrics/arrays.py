"""Feature arrays as every metric takes them: checked at the border, one row a sample."""

import numpy as np
import torch
from torch import Tensor

from nablagan.types import InputError

Array = np.ndarray | Tensor
"""(n, d): one row a sample. Computed with in float64 on the tensor's own device; numpy on the CPU."""


def checked(name: str, array: Array, least: int = 2) -> Tensor:
    """The features (n, d) as a tensor of their own dtype and device.

    Raises InputError unless they are numbers, two-dimensional, finite, and at least `least` rows; `name` is what they
    are called in the message.
    """
    features = _tensor(name, array)
    if features.ndim != 2 or not features.shape[1]:
        raise InputError(f"{name}: features have shape {tuple(features.shape)}; give (n, d), one row a sample")
    if len(features) < least:
        raise InputError(f"{name}: {len(features)} samples; this metric needs at least {least}")
    _require_finite(name, features)
    return features


def checked_pair(
    f: Array, g: Array, least: int = 2, names: tuple[str, str] = ("first", "second")
) -> tuple[Tensor, Tensor]:
    """Both arrays, checked as `checked` does, of one dimension and one device. Raises InputError."""
    first, second = checked(names[0], f, least), checked(names[1], g, least)
    if first.shape[1] != second.shape[1]:
        words = f"{names[0]}: {first.shape[1]}, {names[1]}: {second.shape[1]}"
        raise InputError(f"features of different dimensions ({words}); use one extractor for both")
    if first.device != second.device:
        raise InputError(f"features on different devices ({first.device}, {second.device}); move them to one")
    return first, second


def require_spread(name: str, features: Tensor) -> None:
    """Raises InputError where every row (n, d) is the same: an extractor that answers a constant measures nothing."""
    if bool((features == features[0]).all()):
        raise InputError(f"{name}: all {len(features)} features are the same; look at the images and the extractor")


def shuffled(features: Tensor, seed: int) -> Tensor:
    """The rows in an order drawn from the seed, the same on every device."""
    return features[order(len(features), seed).to(features.device)]


def order(count: int, seed: int) -> Tensor:
    """A permutation of 0 ... count - 1 drawn from the seed."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def _tensor(name: str, array: Array) -> Tensor:
    try:
        features = torch.as_tensor(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name}: {type(array).__name__} is no array of numbers ({error})") from None
    if features.is_complex() or features.dtype == torch.bool:
        raise InputError(f"{name}: features are {features.dtype}; give real numbers")
    if features.requires_grad:
        raise InputError(f"{name}: features carry a gradient; compute them under torch.no_grad()")
    return features


def _require_finite(name: str, features: Tensor) -> None:
    wrong = ~torch.isfinite(features).all(1)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise InputError(f"{name}: {int(wrong.sum())} of {len(features)} features are nan or infinite (first: {first})")
