"""Attention under second derivatives, calls of native norms that no walk finds, and errors that say what to do."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from cases import METHODS
from nablagan import losses, penalties
from nablagan.elementary import is_elementary
from nablagan.pure import frozen
from nablagan.tasks import generation
from nablagan.types import InputError
from oracle import assert_near, batch_for, draws, plain_game
from slopes import gradient, net, pair_of


class Attention(nn.Module):
    """Over two tokens of `width` numbers, the fused kernel's way or, as the oracle, written out."""

    def __init__(self, attend, width=4):
        super().__init__()
        self.attend, self.width = attend, width

    def forward(self, x):
        tokens = x.unflatten(1, (-1, self.width))
        return self.attend(tokens, tokens, tokens).flatten(1)


def written_out(q, k, v):
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def fused(q, k, v):
    return functional.scaled_dot_product_attention(q, k, v)


class Heads(nn.Module):
    """nn.MultiheadAttention, or its parameters used by a written-out formula."""

    def __init__(self, plain):
        super().__init__()
        self.heads, self.plain = nn.MultiheadAttention(4, 1, batch_first=True), plain

    def forward(self, x):
        tokens, inner = x.unflatten(1, (2, 4)), self.heads
        if not self.plain:
            return inner(tokens, tokens, tokens, need_weights=False)[0].flatten(1)
        q, k, v = functional.linear(tokens, inner.in_proj_weight, inner.in_proj_bias).chunk(3, -1)
        return inner.out_proj(written_out(q, k, v)).flatten(1)


def pairs_of_layers():
    torch.manual_seed(0)
    heads = Heads(False), Heads(True)
    heads[1].load_state_dict(heads[0].state_dict())
    return {"function": (Attention(fused), Attention(written_out)), "heads": heads}


@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("kind", ["function", "heads"])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_penalties_through_attention_are_those_of_the_formula(method, kind, evaluated):
    """Oracle: double backward through softmax(QK^T / sqrt(d)) V written out."""
    layer, oracle = pairs_of_layers()[kind]
    discriminator, reference = net(layer).train(not evaluated), net(oracle)
    found, expected = penalties.r1(discriminator, pair_of(), method), penalties.r1(reference, pair_of())
    relative = 1e-7 if method is penalties.aligned_fd else 1e-10
    assert_near(found, expected, relative)
    assert_near(gradient(found, discriminator), gradient(expected, reference), relative)


def test_products_and_live_gradients_through_attention_are_those_of_the_formula():
    games = [
        plain_game(Attention(attend, 3), weights={penalties.r1: 0.7}, generator_inside=[Attention(attend, 3)])
        for attend in (fused, written_out)
    ]
    batch, u = batch_for("mlp", 5), draws(sum(games[0].sizes), seed=7)
    answers = [
        [
            torch.stack(tuple(game.directional_derivatives(batch, u))),
            game.jacobian(batch) @ u,
            game.jacobian(batch).T @ u,
            torch.cat([t.flatten() for t in game.discriminator_gradient(batch, game.generate(batch)).tensors]),
        ]
        for game in games
    ]
    for found, expected in zip(*answers, strict=True):
        assert_near(found, expected, 1e-10)


def test_attention_keeps_its_fused_kernel_elsewhere():
    before = torch.backends.cuda.flash_sdp_enabled()
    penalties.r1(net(Attention(fused)), pair_of(), penalties.aligned_jvp)
    assert torch.backends.cuda.flash_sdp_enabled() == before


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


CALLS = {
    "layer_norm": lambda x: functional.layer_norm(x, (8,)),
    "torch.layer_norm": lambda x: torch.layer_norm(x, (8,)),
    "instance_norm": lambda x: functional.instance_norm(x.unflatten(1, (2, 4))).flatten(1),
    "batch_norm": lambda x: functional.batch_norm(x, None, None, training=True),
}


@pytest.mark.parametrize("method", [penalties.aligned_jvp, penalties.random_jvp()])
@pytest.mark.parametrize("name", CALLS)
def test_calls_of_native_norms_are_refused_where_no_walk_finds_them(name, method):
    discriminator = net(Calls(CALLS[name]))
    for judge in (discriminator, lambda x, label: discriminator(x, label)):
        with pytest.raises(
            InputError, match=rf"calls {name.removeprefix('torch.')}, whose derivative.*double_backward"
        ):
            penalties.r1(judge, pair_of(), method)
    penalties.r1(discriminator, pair_of())


def test_products_are_right_through_calls_of_native_norms():
    """Oracle: the composed formula."""
    names = ("layer_norm", "torch.layer_norm")
    wide = {
        "layer_norm": lambda x: functional.layer_norm(x, (6,)),
        "torch.layer_norm": lambda x: torch.layer_norm(x, (6,)),
    }

    def composed(x):
        x = x - x.mean(-1, keepdim=True)
        return x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()

    batch = batch_for("mlp", 5)
    for method in (penalties.double_backward, penalties.aligned_jvp):
        weights = {partial(penalties.r1, method=method): 1.0}
        reference = plain_game(Calls(composed), weights=weights)
        u = draws(sum(reference.sizes), seed=7)
        for name in names:
            game = plain_game(Calls(wide[name]), weights=weights)
            assert_near(game.jacobian(batch) @ u, reference.jacobian(batch) @ u, 1e-10)
            assert_near(game.jacobian(batch).T @ u, reference.jacobian(batch).T @ u, 1e-10)


def test_elementary_operations_end_with_the_product():
    assert not is_elementary()
    with frozen(nn.Linear(1, 1)):
        assert is_elementary()
    assert not is_elementary()


def twice(x):
    tokens = x.unflatten(1, (2, 4))
    return torch.cdist(tokens, 2 * tokens).flatten(1).repeat(1, 2)


def test_what_torch_cannot_differentiate_is_told_with_place_and_remedy():
    discriminator = net(Calls(twice))
    with pytest.raises(InputError, match=r"body\.2 \(Calls\) calls cdist, which has no forward mode.*aligned_fd"):
        penalties.r1(discriminator, pair_of(), penalties.aligned_jvp)
    penalties.r1(discriminator, pair_of(), penalties.aligned_fd)
    inner = plain_game()
    game = generation(inner.generator, Flat(discriminator), losses.hinge, {penalties.r1: 1.0})
    batch = batch_for("mlp")._replace(real=draws(3, 3))
    with pytest.raises(InputError, match="calls cdist, which has no second derivative"):
        game.discriminator_gradient(batch, game.generate(batch))
    with pytest.raises(InputError, match="calls cdist"):
        game.directional_derivatives(batch, torch.ones_like(game.point()))


class Flat(nn.Module):
    """A discriminator of 5 numbers, given 3."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, label):
        return self.inner(functional.pad(x, (0, 2)), label)


@pytest.mark.parametrize(
    ("reentrant", "expected"), [(True, "reentrant checkpoint is one"), (False, "as checkpoints do")]
)
def test_checkpoints_are_refused_where_torch_func_passes(reentrant, expected):
    discriminator = net(Calls(partial(torch.utils.checkpoint.checkpoint, torch.tanh, use_reentrant=reentrant)))
    with pytest.raises(InputError, match=rf"body\.2 \(Calls\) .*{expected}"):
        penalties.r1(discriminator, pair_of())


def test_other_errors_pass_as_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        penalties.r1(net(nn.Linear(7, 8)), pair_of(), penalties.aligned_jvp)
