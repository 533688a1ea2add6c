"""Unchanged mathematics gives an unchanged trace: 30 steps on the ring of Gaussians in float64.

When the mathematics is meant to change, write the trace anew and say why in docs/log.md:

    python tests/test_golden.py
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nablagan import losses, penalties
from nablagan.optim import Alternating
from nablagan.players import mlp
from nablagan.tasks import generation
from nablagan.types import Batch

FILE = Path(__file__).parent / "golden" / "ring.json"
STEPS, SAMPLES, LATENT = 30, 64, 4


def ring(draws):
    """(SAMPLES, 2) points of eight Gaussians with deviation 0.02 on a circle of radius 2."""
    angle = 2 * np.pi * draws.integers(8, size=SAMPLES) / 8
    return 2 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.02 * draws.standard_normal((SAMPLES, 2))


def start(game):
    """Weights from numpy's generator, at the scale of the layers: another initialisation keeps the trace."""
    draws = np.random.Generator(np.random.PCG64(0))
    for player in game.players:
        for parameter in player.parameters():
            width = parameter.shape[-1] if parameter.ndim > 1 else np.inf
            values = draws.standard_normal(parameter.shape) / np.sqrt(width)
            parameter.data.copy_(torch.from_numpy(np.asarray(values)))


def trace():
    """What each step reports, and the norm of the point after it."""
    generator = mlp.generator((2,), latent_size=LATENT, widths=(32, 32)).double()
    discriminator = mlp.discriminator((2,), widths=(32, 32)).double()
    weights = {penalties.r1: 0.1, penalties.r2: 0.1}
    game = generation(generator, discriminator, losses.relativistic, weights)
    start(game)
    adam = [torch.optim.Adam(player.parameters(), lr=1e-3, betas=(0.0, 0.99)) for player in game.players]
    update, draws, steps = Alternating(game, *adam), np.random.Generator(np.random.PCG64(1)), []
    for number in range(STEPS):
        real, latent = ring(draws), draws.standard_normal((SAMPLES, LATENT))
        batch = Batch(torch.from_numpy(real), torch.from_numpy(latent), images_seen=number * SAMPLES)
        measures = update.step(batch).measures | {"point_norm": game.point().norm()}
        steps.append({name: value.item() for name, value in measures.items()})
    return steps


def test_the_trace_is_the_golden_one():
    golden = json.loads(FILE.read_text(encoding="utf-8"))
    found = trace()
    assert len(found) == len(golden) == STEPS
    for number, (step, expected) in enumerate(zip(found, golden, strict=True)):
        assert step == pytest.approx(expected, rel=1e-9, abs=0), f"step {number}"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(trace(), indent=1) + "\n", encoding="utf-8")
