"""Which game optimiser helps in practice, after an equal number of gradients?

    python benchmarks/optimisers.py --out DIR [--only Alternating,Lookahead] [--problems grid] [--seeds 0,1] [--table]

Every update of nablagan.optim trains the same nets with the same loss on the same batches until its budget of cost
units is spent: one unit is a gradient of one player, a product with the Jacobian or its transpose is 5 (2.5 fields of
2 units). Units are counted as they are called (counting.py), solvers' iterations included. Learning rates fall to a
tenth along half a cosine of the budget. Both rates of a method run on the first seed, the better one on the others.
Rows are appended to DIR/rows.jsonl and never done twice, so an interrupted comparison goes on. Samples: DIR/*.npy.
"""

import argparse
import json
import time
from collections.abc import Mapping
from itertools import product, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import torch

from counting import counting
from nablagan.optim import Cosine, Update
from optimiser_methods import METHODS, RATES, update_of
from optimiser_problems import PROBLEMS, Problem, heldout_quality

BUDGETS = {"grid": 3_000, "grid-plain": 3_000, "digits": 800}
"""Units a run: half as many steps of Alternating."""
FIGURES = ("modes", "high_quality", "energy_distance", "kernel_distance", "classes", "recognised")
COSTS = ("units_per_step", "steps", "steps_per_second")
Found = dict[str, list[dict[str, Any]]]
"""method -> its rows."""


class Task(NamedTuple):
    """One training: what identifies its row."""

    problem: str
    method: str
    rate: float
    seed: int
    budget: int
    """Cost units."""


def train(update: Update, problem: Problem, task: Task) -> dict[str, Any]:
    """Step until the budget is spent or the players are no longer finite; units, steps and speed."""
    falling = Cosine(task.rate, task.rate / 10, task.budget)
    groups = [*update.generator_optimizer.param_groups, *update.discriminator_optimizer.param_groups]
    draws, steps, diverged = torch.Generator().manual_seed(task.seed), 0, False
    started = time.process_time()
    with counting() as count:
        while count.units < task.budget and not diverged:
            for group in groups:
                group["lr"] = falling(count.units)
            update.step(problem.batch(draws))
            steps += 1
            diverged = not bool(update.game.point().isfinite().all())
    seconds = time.process_time() - started  # of this process: other jobs on the machine do not count
    return {
        "diverged": diverged,
        "steps": steps,
        "units_per_step": round(count.units / steps, 1),
        "steps_per_second": round(steps / seconds, 2),
        "seconds": round(seconds, 1),
    }


def row_of(task: Task, out: Path) -> dict[str, Any]:
    """What a training gave; its samples go to `out` for the pictures."""
    problem = PROBLEMS[task.problem]
    update = update_of(METHODS[task.method], problem.game(task.seed), task.rate)
    row = task._asdict() | train(update, problem, task)
    if row["diverged"]:
        return row
    samples = problem.samples(update.game.generator, task.seed)
    np.save(out / f"{task.problem}-{task.method}-{task.rate:g}-{task.seed}.npy", samples.numpy())
    return row | problem.quality(samples)


class Rows:
    """The rows of DIR/rows.jsonl, and the way to get one: read, or trained and appended."""

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.file = out, out / "rows.jsonl"
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        self.known = {Task(*(row[name] for name in Task._fields)): row for row in map(json.loads, lines)}

    def get(self, task: Task) -> dict[str, Any]:
        """The row of a task."""
        if task not in self.known:
            self.known[task] = row_of(task, self.out)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.known[task]) + "\n")
            print(json.dumps(self.known[task]), flush=True)
        return self.known[task]

    def best_rate(self, problem: str, method: str, seed: int, budget: int) -> float:
        """The rate of the best finished run of a seed; diverged ones are worst, and of none it is the first."""

        def score(rate: float) -> float:
            row = self.known.get(Task(problem, method, rate, seed, budget))
            return -np.inf if row is None or row["diverged"] else PROBLEMS[problem].score(row)

        return max(METHODS[method].rates, key=score)


class Plan(NamedTuple):
    """What is compared: every rate on the first seed, the best of them on the others."""

    problems: list[str]
    methods: list[str]
    seeds: list[int]
    share: float
    """Of BUDGETS."""

    def train(self, rows: Rows) -> None:
        """Train what is missing; methods in the inner loop, so that an interruption leaves whole comparisons."""
        for problem, number in product(self.problems, range(RATES)):
            for method in self.methods:
                rows.get(Task(problem, method, METHODS[method].rates[number], self.seeds[0], self.budget(problem)))
        for seed, problem, method in product(self.seeds[1:], self.problems, self.methods):
            rows.get(Task(problem, method, self.rate(rows, problem, method), seed, self.budget(problem)))

    def found(self, rows: Rows, problem: str) -> Found:
        """method -> its finished runs at its best rate."""
        found: Found = {}
        for method, seed in product(self.methods, self.seeds):
            task = Task(problem, method, self.rate(rows, problem, method), seed, self.budget(problem))
            if task in rows.known:
                found.setdefault(method, []).append(rows.known[task])
        return found

    def budget(self, problem: str) -> int:
        """Units of a run."""
        return int(self.share * BUDGETS[problem])

    def rate(self, rows: Rows, problem: str, method: str) -> float:
        """The best on the first seed."""
        return rows.best_rate(problem, method, self.seeds[0], self.budget(problem))


def table_of(found: Found) -> str:
    """A Markdown table, a line a method: mean (lowest to highest) over the seeds that did not diverge."""
    figures = [name for name in FIGURES if any(name in row for rows in found.values() for row in rows)]
    head = ("method", "rate", "runs", *figures, "diverged", *COSTS)
    lines = [head, ["---"] * len(head)]
    for method, rows in found.items():
        kept = [row for row in rows if not row["diverged"]]
        cells = [spread([row[name] for row in kept]) for name in figures]
        costs = [f"{np.mean([row[name] for row in rows]):.4g}" for name in COSTS]
        lines.append([method, f"{rows[0]['rate']:g}", f"{len(rows)}", *cells, f"{len(rows) - len(kept)}", *costs])
    return "\n".join(f"| {' | '.join(name.replace('_', ' ') for name in line)} |" for line in lines)


def spread(values: list[float]) -> str:
    """mean (lowest to highest), one value alone, or - without values."""
    mean, low, high = (short(float(f(values))) if values else "-" for f in (np.mean, np.min, np.max))
    return mean if len(values) < 2 else f"{mean} ({low} to {high})"


def short(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def picture(plan: Plan, rows: Rows) -> None:
    """DIR/optimisers.png: points of each method on the grid, first with R1 and R2 (blue), then without (red)."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 7
    lines = -(-len(plan.methods) // columns)
    figure, axes = pyplot.subplots(2 * lines, columns, figsize=(1.5 * columns, 3.4 * lines), squeeze=False)
    for problem, colour, part in zip(
        ("grid", "grid-plain"), ("#1f4e79", "#a23b2a"), (axes[:lines], axes[lines:]), strict=True
    ):
        for axis, method in zip_longest(part.flat, plan.methods):
            rate = plan.rate(rows, problem, method) if method else 0.0
            file = rows.out / f"{problem}-{method}-{rate:g}-{plan.seeds[0]}.npy"
            if not file.exists():
                axis.axis("off")
                continue
            axis.set(xlim=(-5, 5), ylim=(-5, 5), xticks=[], yticks=[], aspect="equal")
            axis.set_title(method, fontsize=5.5)
            axis.scatter(*np.load(file).T, s=0.3, color=colour)
    figure.tight_layout()
    figure.savefig(rows.out / "optimisers.png", dpi=80)
    pyplot.close(figure)


def names_of(text: str, known: Mapping[str, Any]) -> list[str]:
    """The names in a list with commas. Raises argparse.ArgumentTypeError for an unknown one."""
    for name in text.split(","):
        if name not in known:
            raise argparse.ArgumentTypeError(f"'{name}' is unknown: give some of {', '.join(known)}")
    return text.split(",")


def seeds(text: str) -> list[int]:
    """The whole numbers in a list with commas."""
    return [int(seed) for seed in text.split(",")]


def main() -> None:
    """Compare, and print a table a problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: names_of(text, METHODS), default=list(METHODS), help="methods")
    parser.add_argument("--problems", type=lambda text: names_of(text, PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--seeds", type=seeds, default=[0, 1, 2])
    parser.add_argument("--budget", type=float, default=1.0, help="times the units of BUDGETS (default 1)")
    parser.add_argument("--table", action="store_true", help="train nothing: tables and picture of what is done")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    plan = Plan(arguments.problems, arguments.only, arguments.seeds, arguments.budget)
    rows = Rows(arguments.out)
    if not arguments.table:
        plan.train(rows)
    for problem in plan.problems:
        print(f"\n{problem}\n\n{table_of(plan.found(rows, problem))}")
    if "digits" in plan.problems and not arguments.table:
        print("\nreal held-out digits:", heldout_quality())
    picture(plan, rows)


if __name__ == "__main__":
    main()
