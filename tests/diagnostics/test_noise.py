"""The noise scale against games whose gradient of each sample is known, and per-sample gradients of a small GAN."""

import math
from itertools import product

import pytest
import torch
from torch import nn

from cases import PENALTIES, name_of
from nablagan import data, diagnostics, losses, penalties
from nablagan.diagnostics import PlayerNoise, noise_scale
from nablagan.game import Game
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError, Outcome
from oracle import Plain, batch_for, draws, tiny


def linear_game(size):
    """L_G = mean <real_i, theta>, L_D = mean <latent_i, psi>: a sample's gradients are its real and its latent."""
    start = torch.zeros(size, dtype=torch.float64)
    return Game(
        toys.Point(start),
        toys.Point(start),
        play=lambda generator, batch: generator(),
        generator_loss=lambda discriminator, fake, batch: Outcome(batch.real @ fake, {}),
        discriminator_loss=lambda discriminator, fake, batch: Outcome(batch.latent @ discriminator(), {}),
    )


@pytest.mark.parametrize("samples", [2, 6, 16])
def test_one_sample_a_part_is_the_samples_covariance(samples):
    """S is the trace of numpy's unbiased covariance, |G|^2 the squared mean less S / B."""
    batch = Batch(draws(samples, 3) + 1, draws(samples, 3, seed=2))
    found = noise_scale(linear_game(3), batch, parts=samples)
    for noise, gradients in zip(found, (batch.real, batch.latent), strict=True):
        trace = gradients.var(0).sum().item()
        square = gradients.mean(0).square().sum().item() - trace / samples
        assert noise == pytest.approx((square, trace), rel=1e-12)
        assert noise.scale == (pytest.approx(trace / square) if square > 0 else math.inf)


@pytest.mark.parametrize("parts", [2, 4])
def test_estimates_are_unbiased(parts):
    """Mean over all 2^4 batches of draws m +- s, equally likely: |G|^2 = m^2 and S = s^2, exactly."""
    m, s, game = 0.7, 1.9, linear_game(1)
    rows = [torch.tensor(signs, dtype=torch.float64)[:, None] for signs in product((-1, 1), repeat=4)]
    found = torch.tensor([noise_scale(game, Batch(m + s * x, m - 2 * s * x), parts) for x in rows], dtype=torch.float64)
    expected = torch.tensor([[m * m, s * s], [m * m, 4 * s * s]], dtype=torch.float64)
    torch.testing.assert_close(found.mean(0), expected, rtol=0, atol=1e-12)


def test_reading_the_scale():
    assert PlayerNoise(2.0, 8.0).scale == 4
    assert PlayerNoise(-1.0, 8.0).scale == PlayerNoise(0.0, 8.0).scale == math.inf
    assert math.isnan(PlayerNoise(0.0, 0.0).scale)
    assert math.isnan(PlayerNoise(math.nan, 1.0).scale)
    assert PlayerNoise(2.0, 0.0).scale == 0


def test_a_loss_that_stands_still_has_none():
    game, batch = linear_game(2), Batch(torch.zeros(4, 2).double(), torch.ones(4, 2).double())
    found = noise_scale(game, batch, parts=2)
    assert found.generator == (0, 0)
    assert found.discriminator == pytest.approx((2, 0), rel=1e-12)
    assert math.isnan(found.generator.scale)


def augmented(penalty):
    """A conditional game with augmentation draws, one penalty and eight different samples."""

    def augment(images, batch):
        return data.diffaugment(images, batch.augmentation, ("color", "translation"))

    game = generation(*tiny("dcgan"), losses.non_saturating, {penalty: 0.7}, augment)
    return game, batch_for("dcgan", 8)


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_every_field_of_a_batch_is_split_with_the_others(penalty):
    """Labels, augmentation and penalties' noise too: then the mean over parts is the field of the whole batch."""
    game, batch = augmented(penalty)
    pieces = diagnostics.sub_batches(batch._replace(images_seen=7), 4)
    assert [piece.images_seen for piece in pieces] == [7] * 4
    mean = sum(game.field(piece) for piece in pieces) / 4
    torch.testing.assert_close(mean, game.field(batch), rtol=0, atol=1e-12)


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_a_small_gan(parts):
    """The paper's two formulas with the gradient on the whole batch, as they stand."""
    game, batch = augmented(penalties.r1)
    found, sizes, large = noise_scale(game, batch, parts), game.sizes, 8
    whole = game.field(batch).split(sizes)
    each = [game.field(piece).split(sizes) for piece in diagnostics.sub_batches(batch, parts)]
    for player, noise in enumerate(found):
        small = large / parts
        big_square = whole[player].square().sum().item()
        small_square = sum(one[player].square().sum().item() for one in each) / parts
        square = (large * big_square - small * small_square) / (large - small)
        trace = (small_square - big_square) / (1 / small - 1 / large)
        assert noise == pytest.approx((square, trace), rel=1e-10)


def test_per_sample_gradients_of_live_players():
    """Oracle: torch.autograd on one sample at a time."""
    torch.manual_seed(0)
    discriminator = Plain(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), logit=True).double()
    generator = Plain(nn.Linear(2, 3)).double()
    game, batch = generation(generator, discriminator, losses.relativistic), batch_for("mlp", 5)
    rows = []
    for real, latent in zip(batch.real, batch.latent, strict=True):
        logits = discriminator(real[None], None), discriminator(generator(latent[None], None), None)
        loss = losses.relativistic(*logits).discriminator.sum()
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(discriminator.parameters()))]))
    trace = torch.stack(rows).var(0).sum().item()
    assert noise_scale(game, batch, parts=5).discriminator.trace == pytest.approx(trace, rel=1e-10)


def test_small_noise_in_float32_is_not_rounding():
    """1e-3 beside a gradient of 1: a difference of squares would keep one digit of S = 1e-6."""
    game = linear_game(3)
    for player in game.players:
        player.float()
    noise = 1e-3 * draws(8, 3).float()
    found = noise_scale(game, Batch(1 + noise, noise), parts=8).generator
    assert found.trace == pytest.approx(noise.double().var(0).sum().item(), rel=1e-3)


def test_batches_that_cannot_be_split():
    game = linear_game(2)
    batch = Batch(torch.zeros(6, 2).double(), torch.zeros(6, 2).double())
    for parts in (0, 1, 4, 7):
        with pytest.raises(InputError, match=rf"{parts} parts of a batch of 6: give one of \[2, 3, 6\]"):
            noise_scale(game, batch, parts)
    with pytest.raises(InputError, match="8 parts of a batch of 0: give a batch of at least two samples"):
        noise_scale(toys.dirac(), toys.EMPTY)
    with pytest.raises(InputError, match=r"batch.latent is \(5, 2\) beside 6 real samples: give each one row"):
        noise_scale(game, batch._replace(latent=batch.latent[:5]), 2)
