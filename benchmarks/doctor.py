"""How early does the doctor tell that a training goes wrong, how often is it wrong itself, and does its advice help?

    export OMP_NUM_THREADS=1
    python benchmarks/doctor.py --fashion FASHION_MNIST --collect --results doctor.jsonl
    python benchmarks/doctor.py --fashion FASHION_MNIST --cures --results doctor.jsonl
    python benchmarks/doctor.py --results doctor.jsonl --table

--collect trains every setting of benchmarks/doctor_settings.py three times, under a minute a run on one thread, and
writes the events of each run (ticks and probes, as training logs them) with its quality through time: the kernel
distance of benchmarks/equal_time.py between 500 samples of the averaged generator and 2,000 real images, on features of
a classifier trained here on the labels; with labels, between samples of one class. Quality is 1 - d/d(untrained).
What the doctor would have said is worked out afterwards from the events. --cures trains the runs that failed and were
found again with the doctor's first advice. --table prints what was detected, how long before quality had lost a fifth
of its best, what was alarmed without reason, and what was cured.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from doctor_settings import SETTINGS, Problem, Setting, changed
from equal_time import kernel_distance
from gamma import features_of
from nablagan.data import Dataset, open_dataset, to_tensor
from nablagan.diagnostics.doctor import Circumstances, Doctor, Finding
from nablagan.recipes import Facts, Options
from nablagan.training.circumstances import circumstances
from nablagan.training.engine import Engine, engine
from nablagan.training.loop import Diverged, State, sampler_of, steps
from nablagan.training.probing import Probes
from nablagan.training.run import DataSettings, Run
from nablagan.training.sampling import latents, samples
from nablagan.training.tick import Tick, schedule_values

SIDE, REAL, FAKE, POINTS = 16, 2_000, 500, 25
SEEDS = (0, 1, 2)
COUNTS = {"digits": 4_000, "fashion": 60_000}
LEARNT, LOSS = 0.3, 0.2
"""Quality from which on a loss is counted, and the part of the best that is a failure."""
BY_NAME = {setting.name: setting for setting in SETTINGS}


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
    done = {(row["setting"], row["seed"]) for row in rows(results) if not row.get("cure")}
    wanted = [s for s in SETTINGS if only in (s.name, s.data, "healthy" if s.healthy else "failing", "")]
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
                run = setting.run(problem, seed, setting.options)
                row = {"setting": setting.name, "seed": seed, "healthy": setting.healthy}
                row |= record(setting, run, problem.dataset, judges[setting.data], here)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                last = [q for _, q in row["quality"]]
                print(setting.name, seed, f"best {min(last):.1f} last {last[-1]:.1f}", row["diverged"], flush=True)


def quality(row: dict[str, Any]) -> list[float]:
    """1 - d/d(0) of the kernel distances d, medians of three in a row: 0 as untrained, 1 perfect."""
    distances = [distance for _, distance in row["quality"]]
    whole = [1 - distance / distances[0] for distance in distances]
    return [float(np.median(whole[max(0, i - 1) : i + 2])) for i in range(len(whole))]


class Outcome(NamedTuple):
    """What became of a run."""

    failed: bool
    lost: int | None
    """Images at which quality had first lost a fifth of its best, if it did."""
    final: float


def outcome(row: dict[str, Any], reference: float) -> Outcome:
    """`reference` is the usual final quality of healthy runs on the same data."""
    course = quality(row)
    moments = [moment for moment, _ in row["quality"]]
    lost = None
    for i, value in enumerate(course):
        best = max(course[: i + 1])
        if best >= LEARNT and value < (1 - LOSS) * best:
            lost = moments[i]
            break
    final = float(np.median(course[-3:]))
    failed = bool(row["diverged"]) or final < (1 - LOSS) * max(max(course), reference)
    return Outcome(failed, lost if failed else None, final)


def references(found: list[dict[str, Any]]) -> dict[tuple[str, bool], float]:
    """The median final quality of healthy runs, by data and whether labels are used."""
    finals: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for row in found:
        if row["healthy"] and not row.get("cure"):
            finals[kind(row)].append(float(np.median(quality(row)[-3:])))
    return {key: float(np.median(values)) for key, values in finals.items()}


def kind(row: dict[str, Any]) -> tuple[str, bool]:
    """Data set, and whether labels are used."""
    setting = BY_NAME[row["setting"]]
    return setting.data, bool(setting.options.conditional)


def findings(row: dict[str, Any], told: Circumstances) -> list[tuple[int, Finding]]:
    """What the doctor raises on the events of a run, with the images seen at each."""
    doctor = Doctor(told)
    heard = [(event["images_seen"], found) for event in row["events"] for found in doctor.hear(event)]
    return [(moment, found) for moment, found in heard if found.status == "raised"]


def circumstances_of(setting: Setting, options: Options) -> Circumstances:
    """What the doctor is told; of shapes and counts only, so that no data are needed."""
    count = setting.samples or COUNTS[setting.data]
    run = setting.resolved(Facts(DataSettings(setting.data), (1, SIDE, SIDE), 10, count), options)
    return circumstances(run, (1, SIDE, SIDE), count)


def table(results: Path) -> Iterator[str]:
    """A line a run, then the figures of each half."""
    found = rows(results)
    usual = references(found)
    cures = {(row["setting"], row["seed"]): row for row in found if row.get("cure")}
    halves: dict[str, list[Any]] = {"thresholds": [], "report": []}
    for row in (row for row in found if not row.get("cure")):
        setting = BY_NAME[row["setting"]]
        result = outcome(row, usual[kind(row)])
        raised = findings(row, circumstances_of(setting, setting.options))
        cure = cures.get((row["setting"], row["seed"]))
        cured = None if cure is None else not outcome(cure, usual[kind(row)]).failed
        halves[setting.half].append((row, result, raised, cured))
        first = f"{raised[0][1].disease} at {raised[0][0]:,}" if raised else "nothing"
        fate = "failed" if result.failed else "healthy"
        lost = f", a fifth lost at {result.lost:,}" if result.lost else ""
        advice = "" if cured is None else f"; {' '.join(cure['cure'])}: {'cured' if cured else 'not cured'}"  # pyright: ignore
        yield f"{setting.half:10} {row['setting']:34} {row['seed']} {fate:7} {result.final:5.2f}{lost}: {first}{advice}"
    for half, entries in halves.items():
        yield from figures(half, entries)


def figures(half: str, entries: list[Any]) -> Iterator[str]:
    """Detected, lead, false alarms, cured."""
    failed = [entry for entry in entries if entry[1].failed]
    detected = [entry for entry in failed if entry[2]]
    leads = [result.lost - raised[0][0] for _, result, raised, _ in detected if result.lost]
    healthy = [entry for entry in entries if not entry[1].failed and entry[0]["healthy"]]
    alarmed = [entry for entry in healthy if entry[2]]
    tried = [entry[3] for entry in detected if entry[3] is not None]
    yield f"{half}: detected {len(detected)} of {len(failed)} failed runs"
    lead = np.median(leads) if leads else float("nan")
    yield f"{half}: median lead {lead:,.0f} images, of {len(leads)} that had lost a fifth of their best"
    yield f"{half}: alarmed {len(alarmed)} of {len(healthy)} healthy runs"
    yield f"{half}: cured {sum(tried)} of {len(tried)} by the first advice"


def cure(results: Path, fashion: str, only: str, half: str) -> None:
    """Train the failed and detected runs again with the first advice."""
    found = rows(results)
    usual = references(found)
    done = {(row["setting"], row["seed"]) for row in found if row.get("cure")}
    ill = [row for row in found if not row.get("cure") and outcome(row, usual[kind(row)]).failed]
    with engine("cpu") as here:
        for name, dataset in problems(fashion):
            chosen = [row for row in ill if kind(row)[0] == name and only in (name, "")]
            chosen = [row for row in chosen if BY_NAME[row["setting"]].half == half or not half]
            judge = Judge(dataset) if chosen else None
            for row in chosen:
                setting, seed = BY_NAME[row["setting"]], row["seed"]
                raised = findings(row, circumstances_of(setting, setting.options))
                if (setting.name, seed) in done or not raised or judge is None:
                    continue
                words = raised[0][1].advice.options
                problem = setting.problem(Problem(name, dataset))
                run = setting.run(problem, seed, changed(setting.options, words))
                again = {"setting": setting.name, "seed": seed, "healthy": False, "cure": words}
                again |= record(setting, run, problem.dataset, judge, here)
                with results.open("a") as file:
                    file.write(json.dumps(again) + "\n")
                print(setting.name, seed, *words, round(quality(again)[-1], 2), flush=True)


def main() -> None:
    """Make the runs that are missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion", help="the IDX images of Fashion-MNIST, labels beside them")
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, appended to")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument(
        "--only", default="", help="the setting of this name, or all of digits, fashion, healthy or failing"
    )
    parser.add_argument("--half", default="", help="for --cures: thresholds or report (default both)")
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--cures", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.collect:
        collect(arguments.results, arguments.fashion, tuple(map(int, arguments.seeds.split(","))), arguments.only)
    if arguments.cures:
        cure(arguments.results, arguments.fashion, arguments.only, arguments.half)
    if arguments.table:
        print("\n".join(table(arguments.results)))


if __name__ == "__main__":
    main()
