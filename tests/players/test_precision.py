"""Stages in bfloat16 against the same players in float32 and float64."""

from functools import partial

import pytest
import torch

from nablagan.players import dcgan, r3gan, spectral
from nablagan.players.precision import forgo_bfloat16, full_precision
from nablagan.types import InputError

IMAGE = (3, 32, 32)
STAGES = 4
KINDS = {"r3gan": (r3gan, {}, {}), "dcgan": (dcgan, {"gains": True}, {"kernel": 3})}
every_kind = pytest.mark.parametrize("kind", KINDS)


def draws(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def players(kind, bfloat16_stages):
    """The same generator and discriminator whatever the precision, with branches that do something."""
    module, for_generator, for_discriminator = KINDS[kind]
    torch.manual_seed(0)
    options = {"size": "tiny", "classes": 3, "bfloat16_stages": bfloat16_stages}
    pair = (
        module.generator(IMAGE, **options, **for_generator),
        module.discriminator(IMAGE, **options, **for_discriminator),
    )
    with torch.no_grad():
        for player in pair:
            for parameter in player.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
    return pair


def stages(player):
    """Lowest resolution first."""
    return player.stages if hasattr(player, "stages") else player.convolutions[::-1]


@every_kind
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_only_the_highest_stages_run_in_bfloat16(kind, count):
    label = torch.tensor([0, 2])
    for player, given in zip(players(kind, count), (draws(2, 64), draws(2, *IMAGE)), strict=True):
        seen = {}
        for stage in stages(player):
            stage.register_forward_hook(partial(record_dtype, seen))
        assert player(given, label).dtype == torch.float32
        expected = [torch.float32] * (STAGES - count) + [torch.bfloat16] * count
        assert [seen[stage] for stage in stages(player)] == expected


def record_dtype(seen, stage, inputs, output):
    seen[stage] = output.dtype


@every_kind
def test_bfloat16_stages_give_nearly_the_same_result_and_float32_gradients(kind):
    latent, label = draws(4, 64), torch.tensor([0, 1, 2, 0])
    results = []
    for count in (0, 3):
        generator, discriminator = players(kind, count)
        logits = discriminator(generator(latent, label), label)
        gradients = torch.autograd.grad(logits.sum(), [*generator.parameters(), *discriminator.parameters()])
        assert {gradient.dtype for gradient in gradients} == {torch.float32}
        results.append(torch.cat([logits.detach(), gradients[-1].flatten()]))
    assert not torch.equal(*results)
    assert (results[0] - results[1]).norm() < 0.05 * results[0].norm()


@every_kind
def test_double_precision_switches_bfloat16_off(kind):
    latent, label = draws(2, 64), torch.tensor([0, 1])
    exact, mixed = (players(kind, count)[0].double()(latent, label) for count in (0, 4))
    assert torch.equal(exact, mixed)


@every_kind
def test_full_precision_is_that_of_players_without_such_stages_and_ends_with_its_block(kind):
    latent, label = draws(2, 64), torch.tensor([0, 1])
    (exact, _), (mixed, discriminator) = players(kind, 0), players(kind, 4)
    rounded = mixed(latent, label)
    with full_precision(mixed, discriminator):
        assert torch.equal(mixed(latent, label), exact(latent, label))
    assert torch.equal(mixed(latent, label), rounded)
    assert not torch.equal(rounded, exact(latent, label))


def test_bfloat16_can_be_forgone_inside_a_wrapper():
    torch.manual_seed(0)
    wrapped = spectral(IMAGE, of=dcgan.discriminator, size="tiny", bfloat16_stages=4).eval()
    rounded = wrapped(draws(2, *IMAGE))
    forgo_bfloat16(wrapped)
    assert not torch.equal(wrapped(draws(2, *IMAGE)), rounded)


@every_kind
@pytest.mark.parametrize("count", [-1, 5])
def test_more_stages_than_there_are_is_refused(kind, count):
    with pytest.raises(InputError, match=f"bfloat16_stages={count}"):
        KINDS[kind][0].generator(IMAGE, size="tiny", bfloat16_stages=count)
