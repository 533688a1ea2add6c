"""Recipes: functions `(facts, options) -> Run` that know good numbers."""

from nablagan.recipes.choice import default
from nablagan.recipes.completion import complete, filling
from nablagan.recipes.dcgan import dcgan
from nablagan.recipes.hinge import hinge_spectral
from nablagan.recipes.idle import OF_HOLES, OF_IMAGES, refuse_choices
from nablagan.recipes.options import Facts, Options, facts_of
from nablagan.recipes.points import points
from nablagan.recipes.r3gan import r3gan
from nablagan.recipes.strided import strided
from nablagan.recipes.translation import cut, cyclegan, pix2pix, regression, translate
from nablagan.recipes.wgan_gp import wgan_gp

__all__ = [
    "OF_HOLES",
    "OF_IMAGES",
    "Facts",
    "Options",
    "complete",
    "cut",
    "cyclegan",
    "dcgan",
    "default",
    "facts_of",
    "filling",
    "hinge_spectral",
    "pix2pix",
    "points",
    "r3gan",
    "refuse_choices",
    "regression",
    "strided",
    "translate",
    "wgan_gp",
]
