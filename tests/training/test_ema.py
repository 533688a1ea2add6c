"""Averages against the closed form of an exponential moving average."""

import torch
from torch import nn

from nablagan.training.ema import RAMP, Averages


def test_an_average_follows_the_closed_form():
    player = nn.Linear(3, 2).double()
    averages = Averages(player, (10, 1000))
    expected = {half_life: player.weight.detach().clone() for half_life in (10, 1000)}
    for step in range(1, 40):
        seen = 8 * step
        with torch.no_grad():
            player.weight.copy_(torch.randn(2, 3, dtype=torch.float64))
        averages.update(player, 8, seen)
        for half_life in expected:
            share = 0.5 ** (8 / min(half_life, RAMP * seen))
            expected[half_life] = share * expected[half_life] + (1 - share) * player.weight.detach()
    for half_life, average in averages.players.items():
        torch.testing.assert_close(average.get_parameter("weight"), expected[half_life], rtol=1e-12, atol=0)
        assert not any(p.requires_grad for p in average.parameters())
        assert not average.training


def test_after_one_half_life_of_a_constant_half_is_left():
    player = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(player.weight)
    averages = Averages(player, (64,))
    nn.init.ones_(player.weight)
    for step in range(8):
        averages.update(player, 8, 10_000 + 8 * step)
    torch.testing.assert_close(averages.players[64].get_parameter("weight"), torch.tensor([[0.5]]))


def test_buffers_are_copied():
    player = nn.BatchNorm1d(2)
    averages = Averages(player, (64,))
    player(torch.randn(16, 2))
    averages.update(player, 16, 16)
    for copied, live in zip(averages.players[64].buffers(), player.buffers(), strict=True):
        assert torch.equal(copied, live)
