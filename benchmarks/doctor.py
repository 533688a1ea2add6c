"""How early does the doctor tell that a training goes wrong, how often is it wrong itself, and does its advice help?

    export OMP_NUM_THREADS=1
    python benchmarks/doctor.py --fashion FASHION_MNIST --collect --results doctor.jsonl
    python benchmarks/doctor.py --fashion FASHION_MNIST --cures --results doctor.jsonl
    python benchmarks/doctor.py --results doctor.jsonl --table

--collect trains every setting of benchmarks/doctor_settings.py three times, under a minute a run on one thread, and
writes the events of each run (ticks and probes, as training logs them) with its quality through time: the kernel
distance of benchmarks/equal_time.py between 500 samples of the averaged generator and 2,000 real images, on features of
a classifier trained here on the data's labels; with labels, between samples of the same class. What the doctor would have said is worked out afterwards from the
events. --cures trains the runs that failed and were found again with the doctor's first advice. --table prints what
was detected, how long before quality had lost a fifth of its best, what was alarmed without reason, and what was cured.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from doctor_settings import SETTINGS, Problem, Setting
from equal_time import kernel_distance
from gamma import features_of
from nablagan.data import Dataset, open_dataset, to_tensor
from nablagan.training.engine import Engine, engine
from nablagan.training.loop import Diverged, State, sampler_of, steps
from nablagan.training.probing import Probes
from nablagan.training.run import Run
from nablagan.training.sampling import latents, samples
from nablagan.training.tick import Tick, schedule_values

SIDE, REAL, FAKE, POINTS = 16, 2_000, 500, 25
SEEDS = (0, 1, 2)


class Judge:
    """Measures the quality of a generator on one data set."""

    def __init__(self, dataset: Dataset) -> None:
        self.features = features_of(dataset, 0)
        chosen = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:REAL].numpy()
        assert dataset.labels is not None
        self.label = torch.from_numpy(dataset.labels[chosen]).long()
        self.real = self.features(to_tensor(dataset.samples[chosen]))

    def distance(self, state: State) -> float:
        """Kernel distance of the averaged generator's samples to real ones, x 1,000; smaller is better."""
        run = state.run
        average = state.averages.players[run.ema_half_lives[1]]
        label = self.label[:FAKE] if run.conditional else None
        fake = self.features(samples(average, latents(FAKE, run.latent_size, run.seed + 1), label).clamp(-1, 1))
        if label is None:
            return round(kernel_distance(fake, self.real), 3)
        return round(kernel_distance_by_class(fake, label, self.real, self.label), 3)


def kernel_distance_by_class(a: Tensor, label: Tensor, b: Tensor, other: Tensor) -> float:
    """The kernel distance of samples with their labels: the kernel is 0 between samples of two classes.

    Over the mean of both kernels' labels alone, so that it is of the size of a distance within a class.
    """
    a, b = a.double(), b.double()

    def kernel(x: Tensor, x_label: Tensor, y: Tensor, y_label: Tensor) -> tuple[Tensor, Tensor]:
        same = (x_label.unsqueeze(1) == y_label).double()
        return (x @ y.T / x.shape[1] + 1) ** 3 * same, same

    def within(x: Tensor, x_label: Tensor) -> Tensor:
        values, same = kernel(x, x_label, x, x_label)
        return (values.sum() - values.trace()) / (same.sum() - same.trace())

    values, same = kernel(a, label, b, other)
    return float(1000 * (within(a, label) + within(b, other) - 2 * values.sum() / same.sum()))


def record(setting: Setting, run: Run, dataset: Dataset, judge: Judge, here: Engine) -> dict[str, Any]:
    """The events of a run, its quality through time, and why it diverged if it did."""
    state = setting.prepare(run, dataset, here)
    sampler = sampler_of(run, dataset, here)
    probes, tick = Probes(state, dataset, sampler), Tick()
    training = steps(state, sampler)
    events: list[dict[str, Any]] = []
    quality = [(0, judge.distance(state))]
    while True:
        start = probes.start()
        try:
            if next(training, None) is None:
                return {"events": events, "quality": quality, "diverged": ""}
        except Diverged as failure:
            return {"events": events, "quality": quality, "diverged": failure.reason}
        tick.add(state)
        found = probes.found(start)
        if found:
            events.append(event("probe", state, found["measures"]))
        if probes.is_due(run.tick_images):
            events.append(event("tick", state, tick.means() | schedule_values(state)))
            tick = Tick()
        if probes.is_due(run.images // POINTS):
            quality.append((state.images_seen, judge.distance(state)))


def event(kind: str, state: State, measures: dict[str, Any]) -> dict[str, Any]:
    """An event as events.jsonl has it, with rounded numbers."""
    rounded = {name: None if value is None else float(f"{value:.6g}") for name, value in measures.items()}
    return {"kind": kind, "images_seen": state.images_seen, "measures": rounded}


def rows(results: Path) -> list[dict[str, Any]]:
    """The lines of the file."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def problems(fashion: str) -> Iterator[tuple[str, Dataset]]:
    """The two data sets, by name."""
    yield "digits", open_dataset("builtin:digits", (SIDE, SIDE))
    yield "fashion", open_dataset(fashion, (SIDE, SIDE))


def collect(results: Path, fashion: str, seeds: tuple[int, ...], only: str) -> None:
    """Make the runs that the file lacks."""
    done = {(row["setting"], row["seed"]) for row in rows(results) if "cure" not in row}
    wanted = [setting for setting in SETTINGS if only in (setting.name, setting.data, "")]
    opened = {
        name: Problem(name, dataset)
        for name, dataset in problems(fashion)
        if any(setting.data == name for setting in wanted)
    }
    judges = {name: Judge(problem.dataset) for name, problem in opened.items()}
    with engine("cpu") as here:
        for seed in seeds:
            for setting in wanted:
                if (setting.name, seed) in done:
                    continue
                problem = setting.problem(opened[setting.data])
                run = setting.run(problem, seed)
                row = {"setting": setting.name, "seed": seed, "healthy": setting.healthy}
                row |= record(setting, run, problem.dataset, judges[setting.data], here)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                last = [q for _, q in row["quality"]]
                print(setting.name, seed, f"best {min(last):.1f} last {last[-1]:.1f}", row["diverged"], flush=True)


def main() -> None:
    """Make the runs that are missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion", help="the IDX images of Fashion-MNIST, labels beside them")
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, appended to")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--only", default="", help="the setting of this name, or all on digits or fashion")
    parser.add_argument("--collect", action="store_true")
    arguments = parser.parse_args()
    if arguments.collect:
        collect(arguments.results, arguments.fashion, tuple(map(int, arguments.seeds.split(","))), arguments.only)


if __name__ == "__main__":
    main()
