"""What do the live probes cost?

    OMP_NUM_THREADS=1 python benchmarks/probes.py

For players of about 0.1, 1 and 5 million parameters (both together, recipe `strided` at 32x32 on real digits) the
median seconds of a training step, of the vital signs and of the audit of an update, taken in turn, and the share of
training time that follows from how often the recipe takes them.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nablagan import recipes
from nablagan.data import open_dataset
from nablagan.recipes import Options
from nablagan.training.engine import engine
from nablagan.training.loop import State, prepare, sampler_of, steps
from nablagan.training.probing import Probes
from nablagan.training.run import DataSettings

WIDTHS = {"0.1": (40, 20, 12, 8), "1": (188, 94, 47, 24), "5": (520, 260, 130, 65)}
ROUNDS = 7


def timed(action: Callable[[], Any]) -> float:
    """Seconds."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def once(probes: Probes, training: Iterator[State]) -> tuple[float, float, float]:
    """Seconds of a step, of the vital signs after it and of its audit."""
    start = probes.game.point()
    return timed(lambda: next(training)), timed(probes.vitals), timed(lambda: probes.audit(start))


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print("parameters    step s  vitals s (steps)   audit s (steps)   share of time")
    with engine("cpu") as here:
        dataset = open_dataset("builtin:digits")
        plain = recipes.strided(recipes.facts_of(dataset, DataSettings("builtin:digits")), Options())
        for widths in WIDTHS.values():
            options = {"widths": widths}
            run = replace(
                plain,
                generator=replace(plain.generator, options=plain.generator.options | options),
                discriminator=replace(plain.discriminator, options=plain.discriminator.options | options),
            )
            state = prepare(run, dataset.shape, len(dataset.classes), here)
            sampler = sampler_of(run, dataset, here)
            probes, training = Probes(state, dataset, sampler), steps(state, sampler)
            next(training)
            probes.vitals()
            rows = [once(probes, training) for _ in range(arguments.rounds)]
            step, vitals, audit = (statistics.median(column) for column in zip(*rows, strict=True))
            probing = vitals * run.batch_size / run.probe_images + audit * run.batch_size / run.audit_images
            count = sum(state.game.sizes)
            print(
                f"{count:10,} {step:9.3f} {vitals:9.3f} ({vitals / step:4.2f}) {audit:10.3f} ({audit / step:4.2f})"
                f" {100 * probing / (step + probing):10.1f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
