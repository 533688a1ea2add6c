"""Updates against hand-written loops, bit for bit in float64; saving and restoring; the errors for wrong optimisers."""

import copy

import pytest
import torch

from cases import PENALTY_WEIGHTS, UPDATES, name_of
from nablagan import losses, optim
from nablagan.optim import Alternating, Simultaneous
from nablagan.players import dcgan, mlp
from nablagan.tasks import generation, toys
from nablagan.types import Batch, InputError

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.5),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, betas=(0.0, 0.9)),
}
PLAIN = (Alternating, Simultaneous)
BRIEF = {
    optim.CompetitiveGradientDescent: {"iterations": 1},
    optim.AdaptiveCompetitiveGradientDescent: {"iterations": 1},
    optim.FollowTheRidge: {"iterations": 1},
    optim.Unrolled: {"steps": 1},
    optim.CriticFirst: {"steps": 1},
    optim.Lookahead: {"steps": 2, "inner": optim.PastExtragradient},
}
"""Options that make a step quick, or leave it in the middle of something when it is saved."""
every_update = pytest.mark.parametrize("update", UPDATES, ids=name_of)
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def new_game(weights=PENALTY_WEIGHTS["r1+r2"]):
    torch.manual_seed(0)
    generator = mlp.generator((2,), latent_size=2, widths=(8,)).double()
    discriminator = mlp.discriminator((2,), widths=(8,)).double()
    return generation(generator, discriminator, losses.relativistic, weights)


def batches(count):
    return [Batch(draws(6, 2, seed=3 * k), draws(6, 2, seed=3 * k + 1)) for k in range(count)]


def test_every_update_is_in_the_table():
    public = [getattr(optim, name) for name in optim.__all__]
    updates = {kind for kind in public if isinstance(kind, type) and issubclass(kind, optim.Update)}
    assert updates - {optim.Update, optim.Along, optim.Pooled} == set(UPDATES)  # Pooled draws: test_pooled.py


def by_hand(order, optimizer, steps):
    """The textbook loop with backward(), zero_grad() and detach()."""
    game = new_game()
    generator, discriminator = game.players
    opt_g, opt_d = (optimizer(player.parameters()) for player in game.players)
    for batch in batches(steps):
        real = batch.real.clone().requires_grad_()
        fake = generator(batch.latent).detach().requires_grad_()
        a, b = discriminator(real), discriminator(fake)
        loss = torch.nn.functional.softplus(b - a).mean()
        for weight, logits, images in zip(PENALTY_WEIGHTS["r1+r2"].values(), (a, b), (real, fake), strict=True):
            (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
            loss = loss + weight * slope.square().sum(1).mean() / 2
        opt_d.zero_grad()
        loss.backward()
        if order is Alternating:
            opt_d.step()
        opt_g.zero_grad()
        answer = torch.nn.functional.softplus(discriminator(batch.real) - discriminator(generator(batch.latent)))
        gradients = torch.autograd.grad(answer.mean(), list(generator.parameters()))
        for parameter, gradient in zip(generator.parameters(), gradients, strict=True):
            parameter.grad = gradient
        if order is Simultaneous:
            opt_d.step()
        opt_g.step()
    return game.point()


@pytest.mark.parametrize("update", PLAIN, ids=name_of)
@every_optimizer
def test_steps_are_those_of_a_loop_by_hand(update, optimizer):
    game = new_game()
    play = update(game, *(optimizer(player.parameters()) for player in game.players))
    for batch in batches(10):
        play.step(batch)
    torch.testing.assert_close(game.point(), by_hand(update, optimizer, 10), rtol=1e-9, atol=1e-11)


def test_the_orders_of_play_differ():
    ends = [by_hand(order, OPTIMIZERS["sgd"], 3) for order in PLAIN]
    assert (ends[0] - ends[1]).norm() > 1e-4


@pytest.mark.parametrize("update", PLAIN, ids=name_of)
def test_a_plain_step_of_simultaneous_play_is_minus_the_field(update):
    game, (batch,) = new_game(), batches(1)
    start, field = game.point(), game.field(batch)
    update(game, *(OPTIMIZERS["sgd"](player.parameters()) for player in game.players)).step(batch)
    psi = slice(game.sizes[0], None)
    torch.testing.assert_close(game.point()[psi], (start - 0.1 * field)[psi], rtol=1e-12, atol=1e-14)
    same = torch.allclose(game.point(), start - 0.1 * field, rtol=1e-12, atol=1e-14)
    assert same is (update is Simultaneous)


@every_update
def test_a_step_reports_losses_measures_and_norms_before_it(update):
    game, (batch,) = new_game(), batches(1)
    losses_before, field = game.losses(batch), game.field(batch)
    optimizers = [OPTIMIZERS["adam"](player.parameters()) for player in game.players]
    measures = update(game, *optimizers, **BRIEF.get(update, {})).step(batch).measures
    assert list(measures) == [
        "generator_loss",
        "discriminator_loss",
        "separation",
        "real_logits",
        "fake_logits",
        "penalty_r1",
        "penalty_r2",
        "generator_gradient_norm",
        "discriminator_gradient_norm",
    ]
    assert all(value.shape == () and not value.requires_grad for value in measures.values())
    torch.testing.assert_close(measures["discriminator_loss"], losses_before.discriminator)
    torch.testing.assert_close(measures["discriminator_gradient_norm"], field[game.sizes[0] :].norm())
    assert all(p.grad is None for player in game.players for p in player.parameters())


@pytest.mark.parametrize(
    ("update", "optimizer"),
    [(update, "adam") for update in UPDATES] + [(update, name) for update in PLAIN for name in ("sgd", "momentum")],
)
def test_a_saved_update_goes_on_as_if_it_had_not_stopped(update, optimizer):
    def new_play(game):
        optimizers = (OPTIMIZERS[optimizer](player.parameters()) for player in game.players)
        return update(game, *optimizers, **BRIEF.get(update, {}))

    before, after = batches(5)[:3], batches(5)[3:]
    game = new_game()
    play = new_play(game)
    for batch in before:
        play.step(batch)
    point, state = game.point(), copy.deepcopy(play.state_dict())
    again = new_game()
    again.move_to(point)
    restored = new_play(again)
    restored.load_state_dict(state)
    for batch in after:
        play.step(batch)
        restored.step(batch)
        assert torch.equal(again.point(), game.point())
    for name, tensor in play.state_dict()["extra"].items():
        assert torch.equal(restored.extra[name], tensor)
    assert set(state["extra"]) <= set(play.extra_shapes())


@pytest.mark.parametrize("update", [u for u in UPDATES if u.extra_shapes is not optim.Update.extra_shapes], ids=name_of)
def test_what_an_update_remembers_decides_its_next_step_and_must_fit(update):
    """Without the extra state the trajectory is another one; state of another game is refused."""
    game, rest = new_game(), batches(3)
    sgd = [OPTIMIZERS["sgd"](player.parameters()) for player in game.players]
    play = update(game, *sgd, **BRIEF.get(update, {}))
    for batch in rest[:-1]:
        play.step(batch)
    point, state = game.point(), copy.deepcopy(play.state_dict())
    play.step(rest[-1])
    expected = game.point()
    game.move_to(point)
    play.load_state_dict(state | {"extra": {}})
    play.step(rest[-1])
    assert not torch.equal(game.point(), expected)
    for extra in ({"other": torch.zeros(3)}, {next(iter(state["extra"])): torch.zeros(3)}):
        with pytest.raises(InputError, match="has no extra state"):
            play.load_state_dict(state | {"extra": extra})


@every_update
def test_swapped_optimizers_are_refused(update):
    game = new_game()
    opt_g, opt_d = (OPTIMIZERS["sgd"](player.parameters()) for player in game.players)
    with pytest.raises(InputError, match="the generator's optimiser holds parameters that are not the generator's"):
        update(game, opt_d, opt_g)


@every_update
def test_an_optimizer_that_lacks_parameters_is_refused(update):
    game = new_game()
    generator, discriminator = game.players
    opt_g = OPTIMIZERS["sgd"](generator.parameters())
    opt_d = OPTIMIZERS["sgd"](discriminator.hidden.parameters())
    with pytest.raises(InputError, match=r"lacks judgement\.linear\.weight, judgement\.linear\.bias \(2 parameters\)"):
        update(game, opt_g, opt_d)
    discriminator.judgement.requires_grad_(False)
    update(game, opt_g, opt_d, **BRIEF.get(update, {})).step(batches(1)[0])


def test_updates_run_on_toys_in_single_precision():
    game = toys.bilinear(torch.eye(2))
    sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    Simultaneous(game, *sgd).step(toys.EMPTY)
    assert game.point().tolist() == [0.5, 0.5, 1.5, 1.5]


def test_fused_adam_moves_players_in_channels_last_as_it_moves_others():
    """Against the same players in plain layout: PyTorch's fused step takes no notice of strides."""
    points = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        players = [make((3, 8, 8), widths=(8, 4)).double() for make in (dcgan.generator, dcgan.discriminator)]
        players = [player.to(memory_format=layout) for player in players]
        game = generation(*players, loss=losses.relativistic)
        update = Alternating(game, *(torch.optim.Adam(p.parameters(), 0.01, (0.0, 0.9), fused=True) for p in players))
        for seed in range(3):
            update.step(Batch(draws(4, 3, 8, 8, seed=seed), draws(4, 64, seed=seed)))
        points.append(game.point())
    torch.testing.assert_close(points[0], points[1], rtol=1e-9, atol=1e-9)
