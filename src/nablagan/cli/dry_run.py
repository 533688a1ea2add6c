"""`nablagan train --dry-run`: the resolved run, its parameters and the time it will take, from a few real steps."""

import json
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nablagan.data import Dataset
    from nablagan.data.sampler import Sampler
    from nablagan.training.engine import Engine
    from nablagan.training.loop import State
    from nablagan.training.run import Run

WARM_UP, LEAST, SECONDS = 4, 6, 2.0
"""Steps that are not timed; steps and seconds that are, at least."""


def show_dry_run(run: "Run", dataset: "Dataset", here: "Engine", as_json: bool) -> None:
    """Print what would be trained. Nothing is written; the steps are made on players that are thrown away."""
    from nablagan.training.config import to_json

    content = {"run": to_json(run), **measured(run, dataset, here)}
    if not here.leads:
        return
    if as_json:
        print(json.dumps(content, indent=2))
        return
    print(json.dumps(content["run"], indent=2))
    parameters, seconds = content["parameters"], content["expected_seconds"]
    print(f"data: {dataset.name}, {len(dataset):,} samples of shape {dataset.shape}, {len(dataset.classes)} classes")
    print(f"parameters: generator {parameters['generator']:,}, discriminator {parameters['discriminator']:,}")
    print(f"expected time: {seconds / 60:.1f} minutes at {content['images_per_second']:,.0f} images/s on {here.device}")


def measured(run: "Run", dataset: "Dataset", here: "Engine") -> dict[str, Any]:
    """Parameters of both players, images a second and expected seconds (training steps only).

    Raises InputError for what training would refuse at its beginning, or would not survive.
    """
    from nablagan.players import parameter_count
    from nablagan.training.checks import check_divisible, check_shared
    from nablagan.training.loop import prepare, sampler_of

    check_divisible(run, here)
    check_shared(run, here)
    state = prepare(run, dataset.shape, len(dataset.classes), here)
    generator, discriminator = map(parameter_count, state.game.players)
    times = step_times(state, sampler_of(run, dataset, here), math.lcm(*(penalty.every for penalty in run.penalties)))
    warm_up = min(WARM_UP, len(times) - 2)
    speed = run.batch_size * (len(times) - 1 - warm_up) / (times[-1] - times[warm_up])
    return {
        "parameters": {"generator": generator, "discriminator": discriminator},
        "images_per_second": speed,
        "expected_seconds": run.images / speed,
    }


def step_times(state: "State", sampler: "Sampler", period: int) -> list[float]:
    """The moments before and after each of the first steps, in seconds; after the warm-up whole periods of steps."""
    from nablagan.training.loop import Diverged, steps
    from nablagan.types import InputError

    times = [time.perf_counter()]
    try:
        for _ in steps(state, sampler):
            times.append(time.perf_counter())
            timed = len(times) - 1 - WARM_UP
            if timed >= LEAST and timed % period == 0 and times[-1] - times[WARM_UP] >= SECONDS:
                break
    except Diverged as failure:
        raise InputError(f"this run diverges in its first steps ({failure}): lower --learning-rate") from failure
    return times
