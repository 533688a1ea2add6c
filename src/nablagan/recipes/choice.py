"""Which recipe when none is named."""

from nablagan.recipes.options import Facts, Options
from nablagan.recipes.points import points
from nablagan.recipes.r3gan import r3gan
from nablagan.recipes.strided import strided
from nablagan.training.run import Run


def default(facts: Facts, options: Options) -> Run:
    """`points` for points; for images `strided` on a CPU and `r3gan` on a GPU."""
    if len(facts.shape) == 1:
        return points(facts, options)
    return strided(facts, options) if facts.device == "cpu" else r3gan(facts, options)
