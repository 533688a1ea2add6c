"""The generation task: measures, weights that follow a schedule, augmentation, and the errors for wrong input."""

from functools import partial

import pytest
import torch
from torch import nn

from nablagan import losses, penalties
from nablagan.optim import Cosine
from nablagan.players import mlp
from nablagan.tasks import generation
from nablagan.types import Batch, InputError, Pair


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def players():
    torch.manual_seed(0)
    return (
        mlp.generator((3,), latent_size=2, widths=(4,)).double(),
        mlp.discriminator((3,), widths=(4,)).double(),
    )


BATCH = Batch(draws(4, 3), draws(4, 2, seed=2))


def test_a_weight_may_follow_the_images_seen():
    weight = Cosine(2.0, 1.0, 1000)
    scheduled = generation(*players(), losses.relativistic, {penalties.r1: weight})
    for images_seen in (0, 500, 1000):
        fixed = generation(*players(), losses.relativistic, {penalties.r1: weight(images_seen)})
        batch = BATCH._replace(images_seen=images_seen)
        assert torch.equal(scheduled.field(batch), fixed.field(batch))
    assert weight(0) != weight(1000)


def test_measures_are_means_of_logits_and_unweighted_penalties():
    generator, discriminator = players()
    game = generation(generator, discriminator, losses.hinge, {penalties.r1: 3.0, penalties.r2: 5.0})
    fake = game.generate(BATCH)
    gradient = game.discriminator_gradient(BATCH, fake)
    pair = Pair(BATCH.real, fake)
    values = {
        "real_logits": discriminator(BATCH.real),
        "fake_logits": discriminator(fake),
        "penalty_r1": penalties.r1(discriminator, pair),
        "penalty_r2": penalties.r2(discriminator, pair),
    }
    assert list(gradient.measures) == list(values)
    for name, value in values.items():
        torch.testing.assert_close(gradient.measures[name], value.mean().detach())
    loss = losses.hinge(values["real_logits"], values["fake_logits"]).discriminator
    total = loss + 3 * values["penalty_r1"] + 5 * values["penalty_r2"]
    torch.testing.assert_close(gradient.loss, total.mean().detach())
    assert not gradient.loss.requires_grad


def test_penalties_belong_to_the_discriminator_only():
    plain, penalised = (generation(*players(), losses.relativistic, w) for w in ({}, {penalties.r2: 1.0}))
    theta = plain.sizes[0]
    assert torch.equal(plain.field(BATCH)[:theta], penalised.field(BATCH)[:theta])
    assert not torch.equal(plain.field(BATCH)[theta:], penalised.field(BATCH)[theta:])


def test_real_and_generated_samples_are_augmented_alike_for_both_players():
    seen = []

    def augment(images, batch):
        seen.append(batch.augmentation)
        return images + batch.augmentation

    game = generation(*players(), losses.relativistic, augment=augment)
    batch = BATCH._replace(augmentation=draws(4, 1))
    game.discriminator_gradient(batch, game.generate(batch))
    game.generator_gradient(batch, game.generate(batch))
    assert len(seen) == 4
    assert all(given is batch.augmentation for given in seen)


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_negative_weights_are_refused(weight):
    with pytest.raises(InputError, match=f"the weight of penalty r1 is {weight}: give a number >= 0"):
        generation(*players(), losses.relativistic, {penalties.r1: weight})


def test_a_partial_function_is_measured_by_the_name_of_its_function():
    def centred(discriminator, pair, target):
        return (discriminator(pair.real, pair.label) - target).square()

    game = generation(*players(), losses.relativistic, {partial(centred, target=1.0): 1.0})
    assert "penalty_centred" in game.discriminator_gradient(BATCH, game.generate(BATCH)).measures


def test_penalties_with_batch_normalisation_are_refused():
    generator, _ = players()
    discriminator = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(InputError, match="the discriminator's 1 is a batch normalisation"):
        generation(generator, discriminator, losses.relativistic, {penalties.r1: 1.0})
    generation(generator, discriminator, losses.relativistic)
