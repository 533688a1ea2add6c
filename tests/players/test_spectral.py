"""Spectral normalisation of every player, against torch.linalg.svdvals, and in a game whose products hold it still."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from nablagan import losses, penalties, players
from nablagan.players import dcgan, mlp, r3gan
from nablagan.tasks import generation
from nablagan.types import Batch, InputError

SHAPE = (1, 8, 8)


def weights(player):
    return {path: part.weight for path, part in player.named_modules() if parametrize.is_parametrized(part, "weight")}


@pytest.mark.parametrize(
    "build",
    [
        lambda: mlp.discriminator(SHAPE, classes=2, size="tiny"),
        lambda: dcgan.discriminator(SHAPE, classes=2, size="tiny"),
        lambda: mlp.generator(SHAPE, size="tiny"),
        lambda: dcgan.generator(SHAPE, size="tiny", upsampling=dcgan.TransposedConvolution),
    ],
)
def test_every_weight_has_largest_singular_value_one(build):
    torch.manual_seed(0)
    player = build()
    matrices = [path for path, p in player.named_parameters() if p.ndim > 1]
    assert players.spectral_normalised(player) is player
    assert len(weights(player)) == len(matrices)
    for _ in range(100):  # accesses in training: power iterations
        found = weights(player)
    for path, weight in found.items():
        part = player.get_submodule(path)
        outputs_at = 1 if isinstance(part, dcgan.TransposedConvolution) else 0
        largest = torch.linalg.svdvals(weight.movedim(outputs_at, 0).flatten(1))[0]
        assert abs(largest - 1) < 0.01, path


def test_a_games_products_hold_the_power_iteration_still():
    torch.manual_seed(0)
    judge = players.spectral(SHAPE, of=dcgan.discriminator, size="tiny")
    game = generation(dcgan.generator(SHAPE, size="tiny"), judge, losses.hinge, {penalties.r1: 1.0})
    batch = Batch(torch.randn(3, *SHAPE), torch.randn(3, 64))
    before = {name: buffer.clone() for name, buffer in judge.named_buffers()}
    assert torch.equal(game.field(batch), game.field(batch))
    assert all(torch.equal(buffer, before[name]) for name, buffer in judge.named_buffers())
    game.discriminator_gradient(batch, game.generate(batch))
    assert not all(torch.equal(buffer, before[name]) for name, buffer in judge.named_buffers())


def test_weights_that_cannot_be_normalised_are_refused():
    with pytest.raises(InputError, match=r"narrow\.weight is zero"):
        players.spectral_normalised(r3gan.discriminator((3, 32, 32), size="tiny"))
    once = players.spectral_normalised(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(InputError, match=r"0\.weight is parametrized already"):
        players.spectral_normalised(once)
