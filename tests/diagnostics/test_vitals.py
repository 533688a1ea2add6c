"""Each vital sign against its definition computed plainly on the live players, and that nothing of the game moves."""

import pytest
import torch
from torch import nn

from nablagan import diagnostics, losses, penalties, players
from nablagan.diagnostics import Exam, spread
from nablagan.tasks import generation
from nablagan.types import Batch, PlayerLosses
from oracle import SHAPES, batch_for, draws, tiny

COUNT, HELD = 6, 5


def exam_for(kind, heldout=True):
    shape, by_class = SHAPES[kind], kind != "mlp"
    label = torch.arange(HELD) % 2 if by_class else None
    return Exam(
        batch_for(kind, COUNT),
        batch_for(kind, COUNT)._replace(latent=draws(COUNT, 2, seed=8)),
        spread.coarse(draws(9, *shape, seed=6)),
        1.7,
        Batch(draws(HELD, *shape, seed=7), draws(HELD, 0), label) if heldout else None,
    )


def plainly(game, exam, loss):
    """The definitions, from the live modules and torch.autograd; losses that take one sample at a time."""
    generator, discriminator = game.players
    batch = exam.batch
    fake, again = (generator(z, batch.label) for z in (batch.latent, exam.again.latent))
    images = fake.detach().requires_grad_()
    logits = [discriminator(x, label) for x, label in ((batch.real, batch.label), (images, batch.label))]
    held = discriminator(exam.heldout.real, exam.heldout.label).detach()
    slopes = torch.autograd.grad(loss(*logits).generator.sum(), images)[0]
    real, made = (value.detach() for value in logits)
    pairs = [
        (a > b).double().mean() + (a == b).double().mean() / 2 for a, b in ((real[:, None], x) for x in (made, held))
    ]
    first, second = (spread.coarse(x.detach()) for x in (fake, again))
    return {
        "diversity": torch.stack([(a - b).norm() for a, b in zip(first, second, strict=True)]).mean() / 1.7,
        "sample_distance": spread.energy_distance(torch.cat([first, second]), exam.reference),
        "overlap": pairs[0],
        "memorisation": pairs[1],
        "overfitting": (real.mean() - held.mean()) / (real.mean() - made.mean()),
        "sign_rate": real.sign().mean(),
        "drift": (real.mean() + made.mean()) / 2,
        "generator_signal": torch.stack([slope.norm() for slope in slopes]).mean(),
    }


@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic, losses.wasserstein])
@pytest.mark.parametrize("kind", ["mlp", "dcgan"])
def test_each_figure_is_its_definition(kind, loss):
    game = generation(*tiny(kind), loss, {penalties.r1: 0.7})
    exam = exam_for(kind)
    expected = {name: float(value) for name, value in plainly(game, exam, loss).items()}
    assert diagnostics.vital_signs(game, exam) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_penalties_of_the_generator_change_no_figure():
    exam = exam_for("dcgan")
    plain, penalised = (
        generation(*tiny("dcgan"), losses.relativistic, generator_penalties=more)
        for more in ({}, {penalties.path_length: 2.0})
    )
    assert diagnostics.vital_signs(penalised, exam) == pytest.approx(diagnostics.vital_signs(plain, exam), rel=1e-12)


def test_without_held_out_samples_two_figures_are_missing_and_without_variety_two_others():
    game, exam = generation(*tiny("mlp"), losses.hinge), exam_for("mlp", heldout=False)
    found = diagnostics.vital_signs(game, exam)
    assert {"diversity", "sample_distance"} <= found.keys()
    assert not {"memorisation", "overfitting"} & found.keys()
    alike = exam._replace(reference=torch.ones(4, 3), real_spread=0.0)
    assert diagnostics.vital_signs(game, alike) == {
        name: value for name, value in found.items() if name not in ("diversity", "sample_distance")
    }


class Patches(nn.Module):
    """Three logits a sample."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Linear(3, 3).double()

    def forward(self, images, label=None):
        return self.judge(images)


class Mean(nn.Module):
    """Their mean as the one logit."""

    def __init__(self, patches: Patches) -> None:
        super().__init__()
        self.patches = patches

    def forward(self, images, label=None):
        return self.patches(images).mean(1)


def by_patch(real_logits, fake_logits):
    """A loss of one's own, which takes any number of logits a sample."""
    return PlayerLosses(-fake_logits.flatten(1).mean(1), (fake_logits - real_logits).flatten(1).mean(1))


def test_of_several_logits_a_sample_the_mean_is_judged():
    torch.manual_seed(0)
    generator, patches, exam = tiny("mlp")[0], Patches(), exam_for("mlp")
    several = diagnostics.vital_signs(generation(generator, patches, by_patch), exam)
    one = diagnostics.vital_signs(generation(generator, Mean(patches), losses.wasserstein), exam)
    assert several == pytest.approx(one, rel=1e-5)


class Restless(nn.Module):
    """A discriminator of which everything moves by itself: running statistics, power iterations, dropout."""

    def __init__(self) -> None:
        super().__init__()
        layers = nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 1)
        self.layers = players.spectral_normalised(nn.Sequential(*layers))

    def forward(self, images, label=None):
        return self.layers(images).squeeze(1)


def everything(game):
    state = {f"{i}.{k}": v.clone() for i, player in enumerate(game.players) for k, v in player.state_dict().items()}
    modules = [module.training for player in game.players for module in player.modules()]
    parameters = [(p.requires_grad, p.grad) for player in game.players for p in player.parameters()]
    return state, modules, parameters, torch.get_rng_state()


def test_nothing_of_the_game_moves_and_the_same_is_found_again():
    torch.manual_seed(0)
    game = generation(tiny("mlp")[0].float(), Restless(), losses.non_saturating)
    exam = exam_for("mlp")
    batch = Batch(exam.batch.real.float(), exam.batch.latent.float(), augmentation=exam.batch.augmentation)
    again, heldout = (b._replace(real=b.real.float(), latent=b.latent.float()) for b in (exam.again, exam.heldout))
    exam = exam._replace(batch=batch, again=again, heldout=heldout)
    before, found = everything(game), diagnostics.vital_signs(game, exam)
    torch.rand(3)  # the caller's random state has no say
    state = torch.get_rng_state()
    assert diagnostics.vital_signs(game, exam) == found
    assert torch.equal(torch.get_rng_state(), state)
    after = everything(game)
    assert before[1:3] == after[1:3]
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    diagnostics.update_effects(game, game.point(), game.point() * 1.1, batch)
    assert all(torch.equal(before[0][name], value) for name, value in everything(game)[0].items())
