"""Penalties on some steps and some samples keep their mean; logit penalties and conventions against closed forms."""

from functools import partial

import pytest
import torch

from cases import PENALTY_WEIGHTS
from nablagan import losses, penalties
from nablagan.tasks import generation
from nablagan.types import InputError, Pair
from oracle import Oracle, assert_near, batch_for, tiny
from slopes import draws, net, pair_of


def test_lazily_is_every_kth_step_times_k_and_zero_between_without_a_call():
    lazy, pair, calls = penalties.lazily(penalties.r1, batch_size=8, every=4), pair_of(), []
    discriminator = net()
    discriminator.register_forward_hook(lambda *given: calls.append(1))
    expected = penalties.r1(discriminator, pair)
    for step in range(9):
        calls.clear()
        found = lazy(discriminator, pair._replace(images_seen=8 * step))
        torch.testing.assert_close(found, 4 * expected * (step % 4 == 0), rtol=1e-12, atol=0)
        assert bool(calls) is (step % 4 == 0)
    assert penalties.name_of(lazy) == "r1"
    with pytest.raises(InputError, match=r"images_seen=batch\.images_seen"):
        lazy(discriminator, pair)
    with pytest.raises(InputError, match="every 0 steps"):
        penalties.lazily(penalties.r1, batch_size=8, every=0)


def test_on_fraction_takes_evenly_spaced_rows_of_everything():
    pair = Pair(draws(8, 5), draws(8, 5, seed=2), torch.arange(8), key=draws(8, 3, seed=3), images_seen=8)
    quarter = penalties.on_fraction(partial(penalties.wgan_gp, method=penalties.aligned_jvp), 0.25)
    judge = lambda x, label: label * x.square().sum(1)  # noqa: E731
    expected = 4 * penalties.wgan_gp(judge, pair)
    found = quarter(judge, pair)
    torch.testing.assert_close(found[[0, 4]], expected[[0, 4]], rtol=1e-12, atol=0)
    assert found[[1, 2, 3, 5, 6, 7]].tolist() == [0.0] * 6
    halves = [quarter(judge, Pair(*(t[part] for t in pair[:4]))) for part in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(torch.cat(halves), found, rtol=1e-12, atol=0)
    assert penalties.name_of(quarter) == "wgan_gp"
    for fraction in (0.0, 1.5):
        with pytest.raises(InputError, match="give a number above 0, at most 1"):
            penalties.on_fraction(penalties.r1, fraction)
    with pytest.raises(InputError, match=r"a fraction 0\.3 of 8 samples is not whole"):
        penalties.on_fraction(penalties.r1, 0.3)(judge, pair)


@pytest.mark.parametrize("method", [penalties.double_backward, penalties.aligned_fd])
def test_rows_keep_their_augmentation(method):
    players, batch = tiny("mlp"), batch_for("mlp", 4)

    def augment(images, batch):
        return images * (0.5 + batch.augmentation[:, :1])

    half = {penalties.on_fraction(partial(penalties.r1, method=method), 0.5): 0.7}
    game, plain = (generation(*players, losses.relativistic, weights, augment) for weights in (half, {}))
    rows = torch.tensor([0, 2])
    chosen = batch._replace(**{k: v[rows] for k, v in batch._asdict().items() if isinstance(v, torch.Tensor)})
    penalised, bare = (
        Oracle(*players, losses.relativistic, weights, chosen, augment) for weights in (PENALTY_WEIGHTS["r1"], {})
    )
    assert_near(game.field(batch) - plain.field(batch), penalised.field - bare.field, 1e-7)


def test_interpolated_points_lie_between_and_are_the_batchs_own():
    pair = pair_of(count=50)
    epsilon = (penalties.interpolated(pair).images - pair.real) / (pair.fake - pair.real)
    torch.testing.assert_close(epsilon, epsilon[:, :1].expand(50, 5), rtol=1e-9, atol=1e-9)
    assert 0 < epsilon.min() < 0.2 < 0.8 < epsilon.max() < 1
    shift = (penalties.perturbed(pair, scale=0.1).images - pair.real) / 0.1
    assert abs(shift.std() - 1) < 0.15


def test_logit_penalties_are_those_of_the_closed_form():
    pair, discriminator = pair_of(), net()
    a, b = discriminator(pair.real, None), discriminator(pair.fake, None)
    torch.testing.assert_close(penalties.centring(discriminator, pair), (a + b).square() / 8)
    found = penalties.consistency(discriminator, pair, lambda points: -points.images, penalties.fake)
    torch.testing.assert_close(found, (discriminator(-pair.fake, None) - b).square() / 2)


def test_consistency_under_noise_is_r1_by_differences_times_sigma_squared():
    pair, sigma = pair_of(), 0.3

    def noisy(points):
        return points.images + sigma * penalties.normal(points.pair, 5, points.stream)

    gamma = penalties.gamma_of_difference(100, sigma)
    apt = 100 * 2 * penalties.consistency(net(), pair, noisy)
    torch.testing.assert_close(apt, gamma * penalties.r1(net(), pair, penalties.random_fd(sigma)), rtol=1e-9, atol=0)


def test_wgan_gps_lambda_is_half_of_gamma():
    pair, weights = pair_of(), torch.tensor([3.0, 0, 4, 0, 0]).double()
    found = penalties.gamma_of_square(10) * penalties.wgan_gp(lambda x, label: x @ weights, pair)
    torch.testing.assert_close(found, torch.full((4,), 10 * (5.0 - 1) ** 2).double())
