"""The extractors by name: how each is opened, and where its weights come from."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from nablagan.metrics.extractors import clip, digits, dinov2, efficientnet, inception, onnx
from nablagan.metrics.extractors.weights import Weights
from nablagan.metrics.features import Extractor
from nablagan.types import InputError


@dataclass(frozen=True)
class Entry:
    """An extractor that can be opened."""

    open: Callable[..., Extractor]
    """(file, device, **choices) -> Extractor; its keyword-only arguments are the choices."""
    weights: Weights | None
    """The published file; None where any file will do."""


ENTRIES = {
    efficientnet.NAME: Entry(efficientnet.open_efficientnet, efficientnet.WEIGHTS),
    digits.NAME: Entry(digits.open_digits, None),
    inception.NAME: Entry(inception.open_inception, inception.WEIGHTS),
    **{name: Entry(partial(dinov2.open_dinov2, name), size.weights) for name, size in dinov2.SIZES.items()},
    **{name: Entry(partial(clip.open_clip, name), size.weights) for name, size in clip.SIZES.items()},
    onnx.NAME: Entry(onnx.open_onnx, None),
}
"""By name; the first needs nothing but a package, the digits' weights lie beside it, the others need a file."""


def open_extractor(
    name: str, weights: Path | None = None, device: str | torch.device = "cpu", **choices: object
) -> Extractor:
    """The extractor of that name (dashes or underscores), its weights read from the file where it needs one.

    `choices` are those of the extractor's own function: `side` of efficientnet_lite0; `side`, `low`, `high` and
    `channels` of onnx. InputError lists the names when there is none such, and says which weights or packages are
    missing.
    """
    entry = _entry(name)
    possible = [p.name for p in inspect.signature(entry.open).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for choice in choices:
        if choice not in possible:
            raise InputError(f"{name} has no choice {choice}; it has {', '.join(possible) or 'none'}")
    return entry.open(weights, device, **choices)


def where(name: str) -> str:
    """For a person: the file of weights that the extractor needs, its sha256, where to get it, its licence."""
    known = _entry(name).weights
    return known.describe() if known else UNPUBLISHED[name.replace("-", "_")]


UNPUBLISHED = {
    digits.NAME: "the weights come with nablagan; --weights FILE takes others of the same network",
    onnx.NAME: "any ONNX file that you name with --weights; its sha256 is recorded",
}


def _entry(name: str) -> Entry:
    plain = name.replace("-", "_")
    if plain not in ENTRIES:
        raise InputError(f"extractor {name} is unknown; there are {', '.join(ENTRIES)}")
    return ENTRIES[plain]
