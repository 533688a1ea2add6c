"""Recipes: functions `(facts, options) -> Run` that know good numbers."""

from nablagan.recipes.choice import default
from nablagan.recipes.options import Facts, Options, facts_of
from nablagan.recipes.points import points
from nablagan.recipes.r3gan import r3gan
from nablagan.recipes.strided import strided

__all__ = ["Facts", "Options", "default", "facts_of", "points", "r3gan", "strided"]
