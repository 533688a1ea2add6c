"""What do directions of a latent space do to factors that are known?

    nablagan train strided --data builtin:shapes --images 150k --seconds 720 --out runs/shapes
    python benchmarks/disentanglement.py runs/shapes [--samples 4000] [--count 5] [--json]

The generator draws ellipses of five factors; `data.measured_factors` reads them back from its pictures (its R2 on real
renderings of the same size is printed first). Directions of each method are judged in two ways. "Correlation": of the
latent's coordinate along the direction with each factor, over the samples; "best line" is the multiple correlation of
each factor with the whole latent, fitted on one half and judged on the other: no direction has more. "Change": the
median change of each factor, in its own standard deviations, when the latent moves by one along the direction. Local
directions differ from latent to latent, so they have changes alone.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablagan import latent as directions_of
from nablagan.data import Factors, measured_factors, shapes, to_uint8
from nablagan.training.restore import Trained, load_generator
from nablagan.training.sampling import latents, samples

AVERAGED_OVER, LOCAL = 64, 100
CHANGE = "change of "
PERIODS = np.array([1e9, 1e9, 1e9, 180.0, 1.0])
"""After which a factor repeats: position and size never do."""


def factors_at(trained: Trained, latent: Tensor) -> np.ndarray:
    """(N, 5), nan where a picture shows no ellipse."""
    return np.stack(measured_factors(to_uint8(samples(trained.generator, latent, None))), 1)


def estimator_scores(resolution: int) -> dict[str, float]:
    """R2 of the measured factors of real renderings."""
    images, known = shapes(2_000, resolution, seed=1)
    pairs = zip(Factors._fields, known, measured_factors(images), strict=True)
    return {name: 1 - float(np.mean((true - found) ** 2) / np.var(true)) for name, true, found in pairs}


def correlations(latent: np.ndarray, directions: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(directions, 5)."""
    coordinates = latent @ directions.T
    return np.corrcoef(coordinates.T, factors.T)[: len(directions), len(directions) :]


def best_line(latent: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The multiple correlation of each factor with the latent, (5,), by least squares on half, judged on the other."""
    half = len(latent) // 2
    design = np.column_stack([latent, np.ones(len(latent))])
    weights = np.linalg.lstsq(design[:half], factors[:half], rcond=None)[0]
    told = design[half:] @ weights
    return np.array([np.corrcoef(told[:, i], factors[half:, i])[0, 1] for i in range(factors.shape[1])])


def changes(trained: Trained, latent: Tensor, direction: Tensor, deviations: np.ndarray) -> np.ndarray:
    """Median change of each factor along the direction (d,), or one for each latent (N, d), by half a step each way.

    (5,), in standard deviations of the factor. Medians, because the angle of a nearly round picture may be anything.
    """
    before, after = (factors_at(trained, directions_of.edit(latent, direction, side)) for side in (-0.5, 0.5))
    moved = (after - before + PERIODS / 2) % PERIODS - PERIODS / 2
    return np.nanmedian(np.abs(moved), 0) / deviations


def found_directions(trained: Trained, latent: Tensor, count: int) -> dict[str, Tensor]:
    """The leading directions of each method, (count, d)."""
    generator, size = trained.generator, latent.shape[1]
    sensitive = directions_of.sensitive_directions(generator, latent[:AVERAGED_OVER], count=count)
    stage = dict(generator.named_modules()).get("stages.0")
    return {
        "averaged": sensitive.most,
        "averaged, least": sensitive.least,
        "GANSpace": directions_of.principal_directions(generator, latent[:2000], count=count, layer=stage).directions,
        "SeFa": directions_of.weight_directions(generator, latent, count=count).directions,
        "random": directions_of.random_directions(size, count, seed=0),
    }


def rows(trained: Trained, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a direction."""
    latent = latents(arguments.samples, trained.run.latent_size, arguments.seed)
    factors = factors_at(trained, latent)
    good = np.isfinite(factors).all(1)
    deviations = factors[good].std(0)
    coordinates = latent.numpy()[good]
    yield {"method": "R2 of the measurement on real renderings"} | estimator_scores(trained.shape[1])
    yield {"method": "best line", "unmeasured": int((~good).sum())} | named(best_line(coordinates, factors[good]))
    for method, found in found_directions(trained, latent, arguments.count).items():
        for index, direction in enumerate(found, 1):
            correlation = correlations(coordinates, direction[None].numpy(), factors[good])[0]
            change = changes(trained, latent[:1000], direction, deviations)
            yield {"method": method, "direction": index} | named(correlation) | named(change, CHANGE)
    few = latent[-LOCAL:]
    local = [directions_of.sensitive_directions(trained.generator, z[None], count=arguments.count).most for z in few]
    for index, direction in enumerate(torch.stack(local, 1), 1):
        yield {"method": "local", "direction": index} | named(changes(trained, few, direction, deviations), CHANGE)


def named(values: np.ndarray, before: str = "") -> dict[str, float]:
    """Values by factor."""
    return {before + name: float(value) for name, value in zip(Factors._fields, values, strict=True)}


def main() -> None:
    """Print a row a direction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run directory trained on builtin:shapes")
    parser.add_argument("--samples", type=int, default=4_000)
    parser.add_argument("--count", type=int, default=5, help="directions of each method (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    arguments = parser.parse_args()
    trained = load_generator(arguments.run)
    columns = ("direction", *Factors._fields, *(CHANGE + name for name in Factors._fields))
    if not arguments.json:
        print(f"{'method':<42}" + "".join(f"{name.replace(CHANGE, 'd '):>10}" for name in columns), flush=True)
    for row in rows(trained, arguments):
        row = {key: round(float(value), 4) if isinstance(value, float) else value for key, value in row.items()}
        cells = (f"{v:>10.2f}" if isinstance(v := row.get(name, ""), float) else f"{v:>10}" for name in columns)
        print(json.dumps(row) if arguments.json else f"{row['method']:<42}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
