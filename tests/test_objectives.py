"""Both players' objectives: what the game's and the term's tests do not see."""

import pytest
import torch

from nablagan import losses, penalties
from nablagan.objectives import discriminator_objective, generator_objective, weight_at
from nablagan.optim import Cosine
from nablagan.types import Pair


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_of_half_precision_are_compared_in_float32(dtype):
    """At 2048 float16 cannot tell a logit from the next integer's."""
    pair = Pair(torch.full((2, 1), 2049.0), torch.full((2, 1), 2048.0))

    def judge(images, label):
        return images.squeeze(1).to(dtype)

    for outcome in (
        generator_objective(losses.wasserstein, judge, pair),
        discriminator_objective(losses.wasserstein, {}, judge, pair),
    ):
        assert outcome.loss.dtype == torch.float32


def test_the_pair_is_judged_once_for_loss_and_penalties():
    calls, pair = [], Pair(torch.ones(3, 2), torch.zeros(3, 2))

    def judge(images, label):
        calls.append(images)
        return images.square().sum(1)

    outcome = discriminator_objective(losses.hinge, {penalties.r1: 1.0, penalties.r2: 1.0}, judge, pair)
    assert len(calls) == 2
    assert outcome.measures["penalty_r1"].tolist() == [4.0] * 3


def test_a_weight_is_a_number_or_a_schedule():
    assert weight_at(0.5, 10) == 0.5
    assert weight_at(Cosine(2.0, 1.0, 10), 10) == 1.0
