"""Recipes of runs that start from images: choices reach the players, and what does nothing is refused."""

import pytest
from torch.nn.utils import parametrize

from nablagan import losses, recipes
from nablagan.data import masks
from nablagan.optim import Pooled
from nablagan.players import partial as partial_players
from nablagan.players import spectral, unet
from nablagan.recipes import Facts, Options
from nablagan.training.config import from_json, to_json
from nablagan.training.run import DataSettings
from nablagan.types import InputError

SHAPE, SOURCE = (1, 16, 16), (3, 16, 16)


def facts(paired=True, source_shape=SOURCE, **more):
    return Facts(DataSettings("somewhere"), SHAPE, 0, 400, source_shape=source_shape, paired=paired, **more)


IN_PAIRS, APART, ALIKE = facts(), facts(paired=False), facts(paired=False, source_shape=SHAPE)
EVERY = {
    "translate": (recipes.translate, IN_PAIRS),
    "translate unpaired": (recipes.translate, APART),
    "cut": (recipes.cut, ALIKE),
    "pix2pix": (recipes.pix2pix, IN_PAIRS),
    "cyclegan": (recipes.cyclegan, APART),
    "regression": (recipes.regression, IN_PAIRS),
    "complete": (recipes.complete, IN_PAIRS),
    "filling": (recipes.filling, IN_PAIRS),
}
WITH_ADVERSARY = [name for name in EVERY if name not in ("regression", "filling")]


def made(name, **options):
    recipe, given = EVERY[name]
    return recipe(given, Options(size="tiny", **options))


@pytest.mark.parametrize("name", EVERY)
def test_runs_survive_json(name):
    run = made(name, pair_augmentations=("flip", "zoom"))
    assert from_json(to_json(run)) == run
    assert run.pair_augmentations == ("flip", "zoom")
    assert made(name).pair_augmentations == ()
    assert run.recipe == name.split(maxsplit=1)[0]


@pytest.mark.parametrize("name", WITH_ADVERSARY)
def test_spectral_norm_reaches_the_discriminator_once(name):
    run = made(name, spectral_norm=True)
    assert run.discriminator.build is spectral
    assert run.discriminator.options["of"] is made(name).discriminator.build
    player = run.new_discriminator(SHAPE, 0)
    assert any(parametrize.is_parametrized(part) for part in player.modules())


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("options", "word"),
    [({"augmentations": ("color",)}, "augment"), ({"conditional": True}, "conditional")],
)
def test_what_is_for_generation_is_refused(name, options, word):
    with pytest.raises(InputError, match=f"has no use for --{word}"):
        made(name, **options)
    assert made(name, augmentations=(), conditional=False).augmentations == ()


@pytest.mark.parametrize(
    ("names", "options", "word"),
    [
        (("translate unpaired", "cyclegan", "cut"), {"feature_matching": 1.0}, "feature-matching"),
        (("translate unpaired", "cyclegan", "cut", "regression", "filling"), {"perceptual": 1.0}, "perceptual"),
        (("translate unpaired", "cyclegan", "cut", "regression"), {"sees_source": True}, "sees-source"),
        (("complete", "filling"), {"sees_source": True}, "sees-source"),
        (("translate unpaired", "cut"), {"diversity": 1.0, "latent_size": 4}, "diversity"),
        (("translate", "pix2pix", "cyclegan"), {"masks": masks.box}, "holes"),
        (("regression", "filling"), {"gamma": 1.0}, "gamma"),
        (("regression", "filling"), {"loss": losses.hinge}, "loss"),
        (("regression", "filling"), {"spectral_norm": True}, "spectral-norm"),
    ],
)
def test_what_a_recipe_has_no_use_for_is_refused(names, options, word):
    for name in names:
        with pytest.raises(InputError, match=rf"recipe {name.split()[0]}( without pairs)? has no use for --{word}"):
            made(name, **options)


def test_diversity_needs_latents():
    for name in ("translate", "pix2pix", "complete"):
        with pytest.raises(InputError, match="give --latent-size too"):
            made(name, diversity=1.0)
        assert made(name, diversity=1.5, latent_size=4).task.options["diversity"] == 1.5


def test_penalty_choices_of_papers_without_penalties_are_refused():
    for name in ("pix2pix", "cyclegan"):
        with pytest.raises(InputError, match="give --gamma too"):
            made(name, penalty_every=4)
        assert [penalty.every for penalty in made(name, penalty_every=4, gamma=1.0).penalties] == [4, 4]


def test_partial_convolutions_are_for_what_has_a_mask():
    for name in ("translate", "translate unpaired", "cut", "pix2pix"):
        with pytest.raises(InputError, match="partial convolutions need a mask"):
            made(name, net=partial_players.generator)
    assert made("complete", net=partial_players.generator).generator.build is partial_players.generator
    assert made("translate", net=unet.generator).generator.build is unet.generator


def test_holes_are_refused_where_the_data_bring_their_own():
    with pytest.raises(InputError, match="leave --holes out"):
        recipes.complete(facts(masked=True), Options(masks=masks.box))
    assert recipes.complete(facts(masked=True), Options()).masks is masks.random_mask
    assert made("complete", masks=masks.box).masks is masks.box


def test_without_sources_nothing_is_translated():
    for recipe in (recipes.translate, recipes.cut, recipes.pix2pix, recipes.cyclegan, recipes.regression):
        with pytest.raises(InputError, match="has no source images"):
            recipe(facts(source_shape=None, paired=recipe is not recipes.cut), Options())


def test_cyclegan_is_as_published():
    run = made("cyclegan")
    assert (run.update, run.loss, run.penalties) == (Pooled, losses.least_squares, ())
    assert run.task.options == {"cycle": 10.0, "identity": 5.0}
