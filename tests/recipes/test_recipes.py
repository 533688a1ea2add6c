"""Recipes resolve to runs that train, for every kind of data, and say what they cannot do."""

import pytest
import torch

from nablagan import losses, recipes
from nablagan.optim import Balanced
from nablagan.players import layers
from nablagan.recipes import Facts, Options
from nablagan.training.config import from_json, to_json
from nablagan.training.engine import engine
from nablagan.training.loop import prepare
from nablagan.training.run import DataSettings
from nablagan.types import InputError

IMAGE_RECIPES = {"strided": recipes.strided, "r3gan": recipes.r3gan}


def facts(shape=(1, 32, 32), classes=0, device="cpu"):
    return Facts(DataSettings("builtin:x"), shape, classes, 4000, device)


@pytest.mark.parametrize("name", IMAGE_RECIPES)
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64), (2, 8, 16), (1, 28, 28)], ids=str)
@pytest.mark.parametrize("classes", [0, 3])
def test_runs_survive_json_and_build(name, shape, classes):
    for device in ("cpu", "cuda"):
        run = IMAGE_RECIPES[name](facts(shape, classes, device), Options(size="tiny"))
        assert from_json(to_json(run)) == run
        assert run.conditional is (classes > 0)
        with engine("cpu") as here:
            prepare(run, shape, classes, here)


def test_the_default_depends_on_data_and_device():
    assert recipes.default(facts((2,)), Options()).recipe == "points"
    assert recipes.default(facts(), Options()).recipe == "strided"
    assert recipes.default(facts(device="cuda"), Options()).recipe == "r3gan"


def test_without_labels_on_a_cpu_rates_of_strided_fall_in_the_second_half_only():
    """Of both players; by class and on a GPU from the start."""
    for given, moved in ((facts(), False), (facts(classes=10), True), (facts(device="cuda"), True)):
        run = recipes.strided(given, Options(images=1000))
        for adam in (run.generator_adam, run.discriminator_adam):
            assert (adam.learning_rate(500) < adam.learning_rate(0)) is moved
            assert adam.learning_rate(1000) < adam.learning_rate(750) < adam.learning_rate(0)
    chosen = recipes.strided(facts(), Options(images=1000, learning_rate=1e-3)).generator_adam.learning_rate
    assert (chosen(0), chosen(500)) == (1e-3, 1e-3)  # a rate of the user's own keeps the schedule


@pytest.mark.parametrize(
    ("name", "device", "fast", "dtype", "stages"),
    [
        ("strided", "cpu", False, None, 0),
        ("strided", "cpu", True, None, 4),
        ("strided", "cpu", True, "float32", 0),
        ("strided", "cpu", True, "float64", 0),
        ("strided", "cpu", False, "bfloat16", 4),
        ("r3gan", "cpu", True, None, 0),
        ("r3gan", "cuda", True, None, 3),
        ("r3gan", "cuda", True, "float32", 0),
    ],
)
def test_layers_run_in_bfloat16_where_that_pays_or_is_asked_for(name, device, fast, dtype, stages):
    given = Facts(DataSettings("builtin:x"), (1, 32, 32), 0, 4000, device, fast)
    run = IMAGE_RECIPES[name](given, Options(dtype=dtype))
    for player in (run.generator, run.discriminator):
        assert player.options.get("bfloat16_stages", 0) == stages
    assert run.dtype == ("float64" if dtype == "float64" else "float32")


def test_published_numbers_of_r3gan():
    """R3GAN's configuration for CIFAR-10 and FFHQ (arXiv 2501.05441, appendix)."""
    for side, gamma in ((32, 0.05), (64, 2.0), (256, 150.0)):
        run = recipes.r3gan(facts((3, side, side), device="cuda"), Options(images=1000))
        assert [(p.penalty.__name__, p.weight.start, p.weight.end) for p in run.penalties] == [
            ("r1", gamma, pytest.approx(gamma / 10)),
            ("r2", gamma, pytest.approx(gamma / 10)),
        ]
        assert (run.generator_adam.beta1, run.generator_adam.beta2(0), run.generator_adam.beta2(1000)) == (
            0.0,
            0.9,
            0.99,
        )
        assert (run.generator_adam.learning_rate(0), run.generator_adam.learning_rate(1000)) == (2e-4, 5e-5)
        assert run.loss is losses.relativistic


def test_gamma_grows_with_the_pixels():
    small, large = (recipes.strided(facts((1, side, side)), Options()).penalties[0].weight.start for side in (32, 64))
    assert large == 4 * small


@pytest.mark.parametrize("name", [*IMAGE_RECIPES, "points"])
def test_gamma_that_follows_the_game(name):
    """Both penalties share one weight; it starts at the recipe's own gamma."""
    there = facts((2,) if name == "points" else (1, 32, 32), classes=0 if name == "points" else 3)
    fixed, free = (getattr(recipes, name)(there, Options(images=100_000, gamma=gamma)) for gamma in (None, "auto"))
    weight, target = free.penalties[0].weight, 0.6 if free.conditional else 2.0
    assert (
        weight
        == Balanced(start=fixed.penalties[0].weight.start, images=4000, target=target)
        == free.penalties[1].weight
    )
    assert from_json(to_json(free)) == free
    with engine("cpu") as here:
        assert len(prepare(free, there.shape, there.classes, here).balances) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0}, "images is 0"),
        ({"gamma": -1.0}, "gamma is -1"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"gamma": "much"}, "gamma is much: .* or auto"),
        ({"learning_rate": 0.0}, "learning rate is 0"),
        ({"augmentation_probability": 2.0}, r"in \[0, 1\]"),
        ({"ema_half_lives": (5, 0)}, "half-lives"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(InputError, match=message):
        Options(**options)


def test_requests_that_do_not_fit_the_data():
    with pytest.raises(InputError, match="has no labels"):
        recipes.strided(facts(), Options(conditional=True))
    for recipe in IMAGE_RECIPES.values():
        with pytest.raises(InputError, match="use recipe points"):
            recipe(facts((2,)), Options())
    with pytest.raises(InputError, match="use recipe strided or r3gan"):
        recipes.points(facts(), Options())
    with pytest.raises(InputError, match="cannot be augmented"):
        recipes.points(facts((2,)), Options(augmentations=("color",)))


@pytest.mark.parametrize("name", ["strided", "dcgan", "wgan_gp", "hinge_spectral"])
def test_images_of_convolutional_recipes_are_bounded(name):
    generator = getattr(recipes, name)(facts(), Options()).new_generator((1, 16, 16), 0)
    assert (100 * generator(torch.randn(4, 64))).abs().max() <= 100
    assert generator.output is layers.bounded
