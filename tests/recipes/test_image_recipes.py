"""Recipes that start from images: each trains on each built-in data set, and says what it cannot do."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nablagan import losses, metrics, recipes
from nablagan.data import avatars, masks, open_dataset, open_pairs, to_tensor
from nablagan.optim import Pooled
from nablagan.players import conditional, fourier, gated, partial, resnet
from nablagan.recipes import Facts, Options, facts_of
from nablagan.tasks import with_hole
from nablagan.training.config import from_json, to_json
from nablagan.training.loop import prepare, sampler_of, steps
from nablagan.training.run import DataSettings
from nablagan.training.translating import load_translator
from nablagan.types import InputError
from runs import ALONE, events, go

PAIRED = (recipes.translate, recipes.pix2pix, recipes.regression)
UNPAIRED = (recipes.translate, recipes.cyclegan, recipes.cut)
COMPLETING = (recipes.complete, recipes.filling)
BATCH = 4
TINY = Options(images=20 * BATCH, batch_size=BATCH, size="tiny")


def facts(shape=(1, 32, 32), source_shape=(1, 32, 32), paired=True, device="cpu", fast=False):
    return Facts(DataSettings("builtin:x"), shape, 0, 400, device, fast, source_shape, paired)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Of faces, which take long to draw."""
    monkeypatch.setattr(avatars, "COUNT", 40)


@pytest.mark.parametrize("name", ["glyphs", "edges", "avatars"])
def test_each_builtin_of_pairs_trains_for_twenty_steps(name, tmp_path: Path):
    """Outputs start at their source, which 20 steps leave; they do not go far from the truth."""
    opened = open_pairs(f"builtin:{name}", resolution=32)
    translator = trained_twice_opened(recipes.translate, name, opened, tmp_path / "run")
    values = [event["measures"]["reconstruction"] for event in events(tmp_path / "run", "tick")]
    assert sum(values[-5:]) < 5 * 0.5, "of a range of 2, where outputs from nothing begin at about 1"
    source = torch.zeros(1, *translator.source_shape)
    assert translator(source).shape == (1, *opened.shape)
    assert not torch.equal(translator(source), source)


@pytest.mark.parametrize("name", ["photos", "digits", "shapes"])
def test_each_builtin_of_images_is_completed_after_twenty_steps(name, tmp_path: Path):
    """Completion starts from a smooth continuation, which 20 steps do not beat: they stay near it."""
    opened = open_dataset(f"builtin:{name}", resolution=32)
    translator = trained_twice_opened(recipes.complete, name, opened, tmp_path / "run")
    truth = to_tensor(opened.samples[:32])
    given = with_hole(truth, torch.from_numpy(masks.masks(32, 32, 32, seed=1)).float())
    hole = (given[:, -1:] > 0).expand_as(truth)
    begun, made = (float((x - truth).abs()[hole].mean()) for x in (given[:, :-1], translator(given)))
    assert made < 1.2 * begun
    assert made != begun


def trained_twice_opened(recipe, name, opened, directory):
    """The translator after twenty steps, which is the same each time that it is opened."""
    run = recipe(facts_of(opened, DataSettings(f"builtin:{name}", (32, 32))), TINY)
    assert go(directory, run, opened).status == "done"
    first, second = load_translator(directory), load_translator(directory)
    source = torch.zeros(1, *first.source_shape)
    assert torch.equal(first(source), second(source))
    return first


@pytest.mark.parametrize(("name", "recipe"), [("digits", recipes.complete), ("glyphs", recipes.translate)])
def test_a_perceptual_distance_passes_the_derivative_check_and_is_told(name, recipe, tmp_path: Path):
    opened = (open_pairs if name == "glyphs" else open_dataset)(f"builtin:{name}", resolution=16)
    options = replace(TINY, images=2 * BATCH, perceptual=1.0)
    run = recipe(facts_of(opened, DataSettings(f"builtin:{name}", (16, 16))), options)
    assert go(tmp_path / "run", run, opened, check_derivatives=True).status == "done"
    assert events(tmp_path / "run", "tick")[-1]["measures"]["perceptual"] > 0


@pytest.mark.parametrize("recipe", UNPAIRED)
def test_each_recipe_without_pairs_trains(recipe, tmp_path: Path):
    opened = open_pairs("builtin:glyphs", paired=False, resolution=32)
    run = recipe(facts_of(opened, DataSettings("builtin:glyphs", (32, 32))), replace(TINY, images=6 * BATCH))
    assert go(tmp_path / "run", run, opened).status == "done"
    assert load_translator(tmp_path / "run")(torch.zeros(1, 1, 5, 9)).shape == (1, 1, 5, 9)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64), (2, 8, 16), (1, 28, 28), (3, 37, 53)], ids=str)
@pytest.mark.parametrize("recipe", [*PAIRED, *UNPAIRED, *COMPLETING])
def test_runs_survive_json_and_build(recipe, shape, device):
    given = facts(shape, shape, recipe not in UNPAIRED or recipe in PAIRED, device)
    run = recipe(given, Options(size="tiny"))
    assert from_json(to_json(run)) == run
    assert run.conditional is False
    prepare(run, shape, 0, ALONE)


@pytest.mark.parametrize("net", [resnet, fourier, gated, partial])
def test_other_nets_complete(net):
    data = open_dataset("builtin:digits", resolution=32)
    options = replace(TINY, net=net.generator, masks=masks.thick)
    run = recipes.complete(facts_of(data, DataSettings("builtin:digits")), options)
    state = prepare(run, data.shape, 0, ALONE)
    next(iter(steps(state, sampler_of(run, data, ALONE))))
    assert state.images_seen == BATCH
    assert run.masks is masks.thick


def test_a_latent_brings_diversity_and_none_leaves_it_out():
    with_latent = recipes.translate(facts(), Options(latent_size=8))
    assert with_latent.latent_size == 8
    assert with_latent.task.options["diversity"] > 0
    assert recipes.translate(facts(), Options()).task.options["diversity"] == 0
    assert recipes.complete(facts(source_shape=None), Options(latent_size=8)).task.options["diversity"] > 0


def test_what_others_publish():
    pix2pix, cyclegan = recipes.pix2pix(facts(), Options()), recipes.cyclegan(facts(paired=False), Options())
    for run in (pix2pix, cyclegan):
        assert run.penalties == ()
        assert run.generator_adam.learning_rate(0) == run.generator_adam.learning_rate(10**6) == 2e-4
        assert (run.generator_adam.beta1, run.generator_adam.beta2(0)) == (0.5, 0.999)
    assert pix2pix.loss is losses.non_saturating
    assert pix2pix.task.options["reconstruction"] == 100
    assert (cyclegan.loss, cyclegan.update) == (losses.least_squares, Pooled)
    assert cyclegan.task.options == {"cycle": 10.0, "identity": 5.0}
    assert cyclegan.generator.options["keeps"] is True
    assert recipes.cyclegan(facts((3, 32, 32), paired=False), Options()).generator.options["keeps"] is False
    assert [s.weight(0) for s in recipes.pix2pix(facts(), Options(gamma=2.0)).penalties] == [2.0, 2.0]


def test_regression_has_no_adversary():
    run, data = recipes.regression(facts(), TINY), open_pairs("builtin:glyphs", resolution=32)
    state = prepare(run, data.shape, 0, ALONE)
    batch = sampler_of(run, data, ALONE).batch(0)
    field = state.game.field(batch)
    with torch.no_grad():
        for parameter in state.game.discriminator.parameters():
            parameter.add_(1)
    theta = state.game.sizes[0]
    assert torch.equal(state.game.field(batch)[:theta], field[:theta])


def test_weights_are_as_asked():
    options = Options(reconstruction=3.0, feature_matching=4.0, scales=2)
    run = recipes.translate(facts(), options)
    assert (run.task.options["reconstruction"], run.task.options["feature_matching"]) == (3.0, 4.0)
    assert run.discriminator.options["scales"] == 2
    assert recipes.complete(facts(), options).task.options["hole"] == 3.0
    alone = replace(options, feature_matching=None)
    assert recipes.translate(facts(paired=False), alone).task.options["cycle"] == 3.0


@pytest.mark.parametrize(
    ("recipe", "asked", "sees"),
    [
        (recipes.translate, None, False),
        (recipes.translate, True, True),
        (recipes.pix2pix, None, True),
        (recipes.pix2pix, False, False),
    ],
)
def test_the_discriminator_of_pairs_sees_the_source_or_not(recipe, asked, sees):
    """And the game asks it about what it was built for: of a changed source it knows, or does not."""
    data = open_pairs("builtin:glyphs", resolution=32)
    run = recipe(facts_of(data, DataSettings("builtin:glyphs")), replace(TINY, sees_source=asked))
    state = prepare(run, data.shape, 0, ALONE)
    batch = sampler_of(run, data, ALONE).batch(0)
    other = batch._replace(source=-batch.source)
    logits = [state.game.judge(state.game.discriminator, given)(batch.real, None) for given in (batch, other)]
    assert torch.equal(*logits) is not sees
    assert ("sees_source" in run.task.options) is not sees, "runs made before there was a choice go on"


@pytest.mark.parametrize("recipe", [*PAIRED, *UNPAIRED])
def test_nothing_to_translate_is_refused(recipe):
    with pytest.raises(InputError, match="builtin:x has no source images for recipe"):
        recipe(facts(source_shape=None), Options())


@pytest.mark.parametrize("recipe", [recipes.pix2pix, recipes.regression])
def test_pairs_are_asked_for(recipe):
    with pytest.raises(InputError, match="needs pairs: leave --unpaired out"):
        recipe(facts(paired=False), Options())


@pytest.mark.parametrize("recipe", [*PAIRED, *UNPAIRED])
def test_points_are_not_translated(recipe):
    with pytest.raises(InputError, match="has no source images"):
        recipe(facts((2,), None), Options())


@pytest.mark.parametrize("recipe", COMPLETING)
def test_points_have_no_holes(recipe):
    with pytest.raises(InputError, match="needs images"):
        recipe(facts((2,)), Options())


def test_penalties_are_lazy_unless_asked_otherwise():
    ours = [recipes.translate(facts(), Options()), recipes.translate(facts(paired=False), Options())]
    ours += [recipes.cut(facts(paired=False), Options()), recipes.complete(facts(), Options())]
    assert [[penalty.every for penalty in run.penalties] for run in ours] == [[4, 4]] * 4
    assert [p.every for p in recipes.translate(facts(), Options(penalty_every=1)).penalties] == [1, 1]


def test_without_pairs_the_cycle_weighs_two_and_large_images_get_tiny_nets_on_a_cpu():
    assert recipes.translate(facts(paired=False), Options()).task.options["cycle"] == 2.0
    large = {"shape": (1, 64, 64), "source_shape": (1, 64, 64), "paired": False}
    cases = [
        (recipes.translate, facts(**large), None, "tiny"),
        (recipes.translate, facts(**large), "small", "small"),
        (recipes.translate, facts(**large, device="cuda"), None, "small"),
        (recipes.translate, facts(paired=False), None, "small"),
        (recipes.cyclegan, facts(**large), None, "small"),
        (recipes.complete, facts(**large), None, "tiny"),
        (recipes.translate, facts(**large | {"paired": True}), None, "tiny"),
        (recipes.pix2pix, facts(**large | {"paired": True}), None, "small"),
        (recipes.complete, facts(), None, "small"),
    ]
    for recipe, given, asked, size in cases:
        run = recipe(given, Options(size=asked))
        assert (run.generator.options["size"], run.discriminator.options["size"]) == (size, size)


def test_runs_of_before_outputs_saw_their_source_are_refused():
    content = to_json(recipes.complete(facts(), Options()))
    assert content["generator"]["options"]["output"] == "nablagan.players.conditional:from_source"
    content["generator"]["options"]["output"] = "nablagan.players.layers:bounded"
    with pytest.raises(InputError, match="holes were given as grey: train it again"):
        from_json(content)


@pytest.mark.parametrize(
    ("recipe", "given", "output"),
    [
        (recipes.complete, {"shape": (3, 32, 32)}, conditional.from_source),
        (recipes.filling, {}, conditional.from_source),
        (recipes.translate, {"paired": False}, conditional.from_source),
        (recipes.translate, {"paired": False, "shape": (3, 32, 32)}, conditional.bounded),  # no way back to grey
        (recipes.translate, {"paired": False, "source_shape": (2, 32, 32)}, conditional.from_source),
        (recipes.translate, {}, conditional.from_source),
        (recipes.regression, {}, conditional.from_source),
        (recipes.translate, {"shape": (1, 32, 32), "source_shape": (3, 32, 32)}, conditional.bounded),
        (recipes.pix2pix, {}, conditional.bounded),
        (recipes.cyclegan, {"paired": False}, conditional.bounded),
        (recipes.cut, {"paired": False}, conditional.bounded),
    ],
)
def test_what_an_output_starts_from(recipe, given, output):
    assert recipe(facts(**given), Options()).generator.options["output"] is output


def test_a_perceptual_distance_is_of_colours_or_grey():
    for recipe in (recipes.translate, recipes.pix2pix, recipes.complete):
        weights = recipe(facts(), Options(perceptual=3.0)).task.options
        assert (weights["perceptual"], weights["perceptual_weight"]) == (metrics.efficientnet_distance, 3.0)
        assert "perceptual" not in recipe(facts(), Options()).task.options
        with pytest.raises(InputError, match="sees 1 or 3 channels, not 4"):
            recipe(facts(shape=(4, 32, 32)), Options(perceptual=3.0))
