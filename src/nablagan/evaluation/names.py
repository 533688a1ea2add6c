"""What the figures are called and which way is better."""

import operator
from collections.abc import Callable

LESS, MORE, NEITHER = "less", "more", ""
BETTER = {
    "kernel_distance": LESS,
    "frechet_distance": LESS,
    "frechet_distance_at_infinity": LESS,
    "precision": MORE,
    "recall": MORE,
    "density": MORE,
    "coverage": MORE,
    "sliced_wasserstein": LESS,
    "inception_score": MORE,
    "modes_found": MORE,
    "modes_divergence": LESS,
    "vendi_real": NEITHER,
    "vendi_fake": NEITHER,
}
"""Which way each metric is better; a diversity is compared with the real data's and has no better way of its own."""
PREDICATES: dict[str, Callable[[float, float], bool]] = {LESS: operator.lt, MORE: operator.gt}


def selectable() -> dict[str, Callable[[float, float], bool]]:
    """The metrics that a best checkpoint may be told by, each with `better(first, second)`."""
    return {name: PREDICATES[way] for name, way in BETTER.items() if way in PREDICATES}
