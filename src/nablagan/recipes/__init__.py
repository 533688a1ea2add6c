"""Recipes: functions `(facts, options) -> Run` that know good numbers."""

from nablagan.recipes.choice import default
from nablagan.recipes.dcgan import dcgan
from nablagan.recipes.hinge import hinge_spectral
from nablagan.recipes.options import Facts, Options, facts_of
from nablagan.recipes.points import points
from nablagan.recipes.r3gan import r3gan
from nablagan.recipes.strided import strided
from nablagan.recipes.wgan_gp import wgan_gp

__all__ = [
    "Facts",
    "Options",
    "dcgan",
    "default",
    "facts_of",
    "hinge_spectral",
    "points",
    "r3gan",
    "strided",
    "wgan_gp",
]
