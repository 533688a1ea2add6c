"""Averages over batches against the mean of dense matrices by plain autograd."""

import pytest
import torch

from nablagan import losses, penalties
from nablagan.diagnosis import averaged
from nablagan.diagnosis.averaged import Averaged, KeptJacobian
from nablagan.tasks import generation
from oracle import Oracle, batch_for, draws, tiny

WEIGHTS = {penalties.r1: 0.7, penalties.r2: 0.3}


@pytest.mark.parametrize("most", [0, 8], ids=["anew", "kept"])
def test_products_over_two_batches(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(averaged, "MOST_KEPT", most)
    players = tiny("mlp")
    first = batch_for("mlp")
    batches = (first, first._replace(real=draws(3, 3, seed=8), latent=draws(3, 2, seed=9)))
    oracles = [Oracle(*players, losses.relativistic, WEIGHTS, batch).matrix().detach() for batch in batches]
    matrix = sum(oracles) / 2
    counted: list[int] = []
    game = Averaged(generation(*players, losses.relativistic, WEIGHTS))
    jacobian = KeptJacobian(game, batches, lambda: counted.append(1))
    u = draws(len(matrix), seed=4)
    theta = torch.cat([u[: game.sizes[0]], 0 * u[game.sizes[0] :]])
    for vector in (u, theta, u - theta, 0 * u, u):
        assert torch.allclose(jacobian.T @ vector, matrix.T @ vector, atol=1e-12)
    assert torch.allclose(jacobian @ u, matrix @ u, atol=1e-12)
    assert torch.allclose(jacobian.T.T @ u, matrix @ u, atol=1e-12)
    assert len(counted) == 7
    fields = [game.field((batch,)) for batch in batches]
    assert torch.allclose(jacobian.field, sum(fields) / 2, atol=1e-14)
