"""Names of penalties in measures: readable, and no two alike."""

from functools import partial

import numpy as np
import pytest
import torch

from nablagan import losses, penalties
from nablagan.penalties import aligned_central_fd, consistency, fake, names_of, r1, r2, real, wgan_gp, zero_centred
from nablagan.tasks import generation
from oracle import batch_for, tiny


def flipped(points):
    return -points.images


def halved(points):
    return points.images / 2


def aimed(discriminator, pair, target):
    return discriminator(pair.real, pair.label) - target


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ([r1, r2], ["r1", "r2"]),
        ([partial(r1, method=aligned_central_fd), r2], ["r1", "r2"]),
        ([r1, partial(r1, method=aligned_central_fd)], ["r1", "r1_aligned_central_fd"]),
        ([partial(zero_centred, place=p) for p in (real, fake)], ["zero_centred_real", "zero_centred_fake"]),
        ([partial(consistency, change=c) for c in (flipped, halved)], ["consistency_flipped", "consistency_halved"]),
        (
            [partial(r1, method=partial(aligned_central_fd, step=s)) for s in (0.1, 0.2)],
            ["r1_aligned_central_fd_0.1", "r1_aligned_central_fd_0.2"],
        ),
        ([penalties.lazily(p, 8) for p in (r1, r2)], ["r1", "r2"]),
        ([penalties.lazily(r1, 8, every) for every in (4, 8)], ["r1_4", "r1_8"]),
        ([wgan_gp, penalties.on_fraction(wgan_gp, 0.5)], ["wgan_gp", "wgan_gp_0.5"]),
        ([partial(consistency, change=lambda points: points.images) for _ in (1, 2)], ["consistency", "consistency_2"]),
        ([partial(r1, real), partial(r1, fake)], ["r1_real", "r1_fake"]),
    ],
)
def test_names_say_what_differs(chosen, names):
    assert names_of(chosen) == names


def test_two_of_a_kind_in_one_game_are_two_measures():
    chosen = {partial(zero_centred, place=place): 1.0 for place in (real, fake)}
    game, batch = generation(*tiny("mlp"), losses.hinge, chosen), batch_for("mlp")
    measures = game.discriminator_gradient(batch, game.generate(batch)).measures
    assert list(measures) == ["real_logits", "fake_logits", "penalty_zero_centred_real", "penalty_zero_centred_fake"]
    plain = generation(*tiny("mlp"), losses.hinge, {r1: 1.0, r2: 1.0})
    expected = list(plain.discriminator_gradient(batch, plain.generate(batch)).measures.values())
    assert list(measures.values()) == expected


@pytest.mark.parametrize("make", [torch.tensor, np.array])
def test_partials_of_arrays_have_names(make):
    targets = [make([1.0, 2.0]), make([3.0, 4.0, 5.0])]
    assert names_of([partial(aimed, target=targets[0]), r1]) == ["aimed", "r1"]
    assert names_of([partial(aimed, target=target) for target in targets]) == ["aimed", "aimed_2"]
