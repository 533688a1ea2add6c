"""What a translator or completer is compared with on held-out pairs: every baseline that can be had here, by name."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from nablagan.baselines import completion, translation
from nablagan.types import InputError


def translation_baselines(
    sources: np.ndarray,
    channels: int,
    training_sources: np.ndarray | None = None,
    training_targets: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Outputs by name (`identity`, `nearest_source`), and why the others could not be had.

    sources uint8 (n, Cs, h, w); `channels` are the targets'. The nearest source needs training pairs.
    """
    ways: dict[str, Callable[[], np.ndarray]] = {"identity": partial(translation.identity, sources, channels)}
    if training_sources is not None and training_targets is not None:
        nearest = partial(translation.nearest_source, sources, training_sources, training_targets)
        ways["nearest_source"] = nearest
    return _tried(ways)


def completion_baselines(
    images: np.ndarray, masks: np.ndarray, training: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Completed images by name (`mean_of_known`, `biharmonic`, `telea`, ..., `nearest_known`), and why not the others.

    images uint8 (n, C, h, w), masks (n, 1, h, w), not 0 where pixels are missing.
    """
    ways = {name: partial(complete, images, masks) for name, complete in completion.COMPLETIONS.items()}
    if training is not None:
        ways["nearest_known"] = partial(completion.nearest_known, images, masks, training)
    return _tried(ways)


def _tried(ways: Mapping[str, Callable[[], np.ndarray]]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    found, missing = {}, {}
    for name, way in ways.items():
        try:
            found[name] = way()
        except InputError as error:  # told to whoever reads the table, not hidden
            missing[name] = str(error)
    return found, missing
