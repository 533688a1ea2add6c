"""The recipes that we compare with: published numbers, and runs that survive JSON and train."""

import pytest
import torch

from nablagan import losses, recipes
from nablagan.optim import CriticFirst
from nablagan.recipes import Facts, Options
from nablagan.training.config import from_json, to_json
from nablagan.training.engine import engine
from nablagan.training.loop import prepare
from nablagan.training.run import DataSettings
from nablagan.types import Batch, InputError

RECIPES = {"dcgan": recipes.dcgan, "wgan_gp": recipes.wgan_gp, "hinge_spectral": recipes.hinge_spectral}


def facts(shape=(1, 16, 16)):
    return Facts(DataSettings("builtin:x"), shape, 0, 4000, "cpu")


@pytest.mark.parametrize("name", RECIPES)
def test_runs_survive_json_and_make_a_step(name):
    run = RECIPES[name](facts(), Options(size="tiny"))
    assert (run.recipe, from_json(to_json(run))) == (name, run)
    with engine("cpu") as here:
        state = prepare(run, (1, 16, 16), 0, here)
    before = state.game.point()
    measures = state.update.step(Batch(torch.randn(10, 1, 16, 16), torch.randn(10, 64))).measures
    assert all(torch.isfinite(value) for value in measures.values())
    assert not torch.equal(state.game.point(), before)


def test_published_numbers():
    """Radford et al. 2016, section 3; Gulrajani et al. 2017, algorithm 1; Miyato et al. 2018, table 1, setting C."""
    dcgan, wgan, hinge = (recipe(facts(), Options()) for recipe in RECIPES.values())
    adam = [
        (r.generator_adam.learning_rate(0), r.generator_adam.beta1, r.generator_adam.beta2(0))
        for r in (dcgan, wgan, hinge)
    ]
    assert adam == [(2e-4, 0.5, 0.999), (1e-4, 0.0, 0.9), (2e-4, 0.5, 0.999)]
    assert [r.loss for r in (dcgan, wgan, hinge)] == [losses.non_saturating, losses.wasserstein, losses.hinge]
    assert (wgan.update, wgan.penalties[0].weight.start, wgan.batch_size) == (CriticFirst, 20.0, 320)


def test_requests_that_do_not_fit():
    for recipe in RECIPES.values():
        with pytest.raises(InputError, match="use recipe points"):
            recipe(facts((2,)), Options())
    with pytest.raises(InputError, match="no gradient penalty"):
        recipes.hinge_spectral(facts(), Options(gamma=1.0))
    for recipe in (recipes.dcgan, recipes.hinge_spectral):
        with pytest.raises(InputError, match="no penalty for --penalty-method and --penalty-every"):
            recipe(facts(), Options(penalty_every=3))
    with pytest.raises(InputError, match="cannot set itself"):
        recipes.wgan_gp(facts(), Options(gamma="auto"))


def test_a_lazy_penalty_is_lazy():
    assert recipes.wgan_gp(facts(), Options(penalty_every=3)).penalties[0].every == 3
    assert [p.every for p in recipes.dcgan(facts(), Options(gamma=1.0, penalty_every=3)).penalties] == [3, 3]
