"""Several discriminator steps for one of the generator, against the loop written out."""

import copy

import pytest
import torch

from nablagan import losses
from nablagan.optim import CriticFirst
from nablagan.optim.critic import _parts
from nablagan.players import mlp
from nablagan.tasks import generation
from nablagan.types import Batch, InputError


def draws(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_is_the_loop_of_wgan():
    """Oracle: Gulrajani et al. 2017, algorithm 1, with backward() and plain gradient descent."""
    torch.manual_seed(0)
    players = mlp.generator((2,), latent_size=2, widths=(8,)).double(), mlp.discriminator((2,), widths=(8,)).double()
    generator, discriminator = copy.deepcopy(players)
    batch = Batch(draws(9, 2, seed=1), draws(9, 2, seed=2))
    game = generation(*players, losses.wasserstein, {})
    CriticFirst(game, *(torch.optim.SGD(p.parameters(), 0.1) for p in players), steps=3).step(batch)
    optimizers = [torch.optim.SGD(p.parameters(), 0.1) for p in (generator, discriminator)]
    for part in (batch.rows(slice(0, 3)), batch.rows(slice(3, 6)), batch.rows(slice(6, 9))):
        optimizers[1].zero_grad()
        fake = generator(part.latent, None).detach()
        (discriminator(fake, None) - discriminator(part.real, None)).mean().backward()
        optimizers[1].step()
    (-discriminator(generator(part.latent, None), None)).mean().backward()
    optimizers[0].step()
    expected = torch.cat([p.flatten() for player in (generator, discriminator) for p in player.parameters()])
    torch.testing.assert_close(game.point(), expected.detach(), atol=1e-12, rtol=1e-12)
    with pytest.raises(InputError, match="critic steps are 0"):
        CriticFirst(game, *optimizers_of(players), steps=0)


def optimizers_of(players):
    return [torch.optim.SGD(p.parameters(), 0.1) for p in players]


@pytest.mark.parametrize(("samples", "moves"), [(16, 5), (6, 5), (5, 5), (3, 3), (1, 1)])
def test_a_batch_gives_all_moves_that_it_has_samples_for(samples, moves):
    latent = torch.arange(float(samples)).unsqueeze(1)
    parts = _parts(Batch(latent, latent), 5)
    assert [len(part.latent) > 0 for part in parts] == [True] * moves
    assert torch.equal(torch.cat([part.latent for part in parts]), latent)
