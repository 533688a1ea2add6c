"""Which game optimiser helps in practice, after an equal number of gradients?

    python benchmarks/optimisers.py --out DIR [--only Alternating,Lookahead] [--problems grid] [--seeds 0,1]

Every update of nablagan.optim trains the same nets with the same loss on the same batches until its budget of cost
units is spent: one unit is a gradient of one player, a product with the Jacobian or its transpose is 5 (2.5 fields of
2 units). Units are counted as they are called (counting.py), solvers' iterations included. Learning rates fall to a
tenth along half a cosine of the budget. Each method gets the best of its rates on seed 0 after a part of the budget.
Rows are appended to DIR/rows.jsonl and never done twice, so an interrupted comparison goes on. Samples: DIR/*.npy.
"""

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import torch

from counting import counting
from nablagan import optim
from nablagan.optim import Cosine, Update
from optimiser_problems import PROBLEMS, Problem, heldout_quality

BUDGETS = {"grid": 6_000, "grid-plain": 6_000, "digits": 1_200}
"""Units a run: half as many steps of Alternating."""
CHOICE = 0.25
"""Part of the budget that each rate gets when one is chosen."""
ADAM = (1e-3, 3e-3, 1e-2)
SGD = (0.03, 0.1, 0.3)
SOLVER = {"tolerance": 1e-2, "iterations": 3}
"""Of conjugate gradients: 1e-6 and 20 by default, which would leave a few steps of the budget."""


FIGURES = ("modes", "high_quality", "kernel_distance", "classes", "recognised")
COSTS = ("units_per_step", "steps", "steps_per_second")
Found = dict[str, list[dict[str, Any]]]
"""method -> its rows."""


class Method(NamedTuple):
    """An update, its base optimiser, and what a step costs."""

    update: type[Update]
    gradients: int = 2
    products: int = 0
    products_an_iteration: int = 0
    adam: bool = True
    """Adam (0, .99) or plain SGD."""
    rates: tuple[float, ...] = ADAM
    options: Mapping[str, Any] = {}


METHODS = {
    "Alternating": Method(optim.Alternating),
    "Alternating-SGD": Method(optim.Alternating, adam=False, rates=SGD),
    "Simultaneous": Method(optim.Simultaneous),
    "Extragradient": Method(optim.Extragradient, gradients=4),
    "PastExtragradient": Method(optim.PastExtragradient),
    "Optimistic": Method(optim.Optimistic),
    "Lookahead": Method(optim.Lookahead),
    "NegativeMomentum": Method(optim.NegativeMomentum),
    "SimultaneousNegativeMomentum": Method(optim.SimultaneousNegativeMomentum),
    "Consensus": Method(optim.Consensus, gradients=4, products=1),
    "SymplecticAdjustment": Method(optim.SymplecticAdjustment, gradients=4, products=2),
    "Lead": Method(optim.Lead, products=2),
    "Unrolled": Method(optim.Unrolled, gradients=12, products=3),
    "RungeKutta2": Method(optim.RungeKutta2, gradients=4, adam=False, rates=SGD),
    "RungeKutta4": Method(optim.RungeKutta4, gradients=8, adam=False, rates=SGD),
    "RungeKutta4-ODE-GAN": Method(
        optim.RungeKutta4, gradients=8, products=1, adam=False, rates=SGD, options={"penalty": 0.02}
    ),
    "CompetitiveGradientDescent": Method(optim.CompetitiveGradientDescent, 4, 4, 4, False, SGD, SOLVER),
    "AdaptiveCompetitiveGradientDescent": Method(
        optim.AdaptiveCompetitiveGradientDescent, 2, 2, 4, False, ADAM, SOLVER
    ),
    "FollowTheRidge": Method(optim.FollowTheRidge, 4, 2, 2, False, SGD, SOLVER),
}
"""name -> method; every update of tests/cases.py. SGD where the step itself is the method, Alternating's to compare."""


class Task(NamedTuple):
    """One training: what identifies its row."""

    problem: str
    method: str
    stage: str
    """`choice` of the rate, or `run`."""
    rate: float
    seed: int
    budget: int
    """Cost units."""


def update_of(method: Method, problem: Problem, rate: float, seed: int) -> Update:
    """A new game and its update."""
    game = problem.game(seed)
    theta, psi = (optimizer(list(player.parameters()), method.adam, rate) for player in game.players)
    return method.update(game, theta, psi, **method.options)


def optimizer(parameters: list[torch.nn.Parameter], adam: bool, rate: float) -> torch.optim.Optimizer:
    """Adam without first moment, as in the recipes, or plain gradient descent."""
    if adam:
        return torch.optim.Adam(parameters, rate, (0.0, 0.99), fused=True)
    return torch.optim.SGD(parameters, rate)


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
    update = update_of(METHODS[task.method], problem, task.rate, task.seed)
    row = task._asdict() | train(update, problem, task)
    if row["diverged"]:
        return row
    samples = problem.samples(update.game.generator, task.seed)
    if task.stage == "run":
        np.save(out / f"{task.problem}-{task.method}-{task.seed}.npy", samples[:1_000].numpy())
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

    def best_rate(self, problem: str, method: str, budget: int) -> float:
        """The rate of the best score on seed 0 after CHOICE of the budget; diverged ones are worst."""

        def score(rate: float) -> float:
            row = self.get(Task(problem, method, "choice", rate, 0, int(CHOICE * budget)))
            return -np.inf if row["diverged"] else PROBLEMS[problem].score(row)

        return max(METHODS[method].rates, key=score)


def comparison(rows: Rows, tasks: Iterable[tuple[str, int]], methods: list[str], share: float) -> dict[str, Found]:
    """problem -> method -> its rows, one a seed; `tasks` are (problem, seed) in the order in which they are trained."""
    found: dict[str, Found] = {}
    for problem, seed in tasks:
        budget = int(share * BUDGETS[problem])
        for method in methods:
            rate = rows.best_rate(problem, method, budget)
            row = rows.get(Task(problem, method, "run", rate, seed, budget))
            found.setdefault(problem, {}).setdefault(method, []).append(row)
    return found


def table_of(found: Found) -> str:
    """A Markdown table, a line a method: mean (lowest to highest) over the seeds that did not diverge."""
    figures = [name for name in FIGURES if any(name in row for rows in found.values() for row in rows)]
    head = ("method", "rate", *figures, "diverged", *COSTS)
    lines = [head, ["---"] * len(head)]
    for method, rows in found.items():
        kept = [row for row in rows if not row["diverged"]]
        cells = [spread([row[name] for row in kept]) for name in figures]
        costs = [f"{np.mean([row[name] for row in rows]):.4g}" for name in COSTS]
        lines.append([method, f"{rows[0]['rate']:g}", *cells, f"{len(rows) - len(kept)} of {len(rows)}", *costs])
    return "\n".join(f"| {' | '.join(name.replace('_', ' ') for name in line)} |" for line in lines)


def spread(values: list[float]) -> str:
    """mean (lowest to highest), or - without values."""
    if not values:
        return "-"
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def picture(out: Path, problem: str, methods: list[str], seed: int) -> None:
    """DIR/PROBLEM.png: points of each method on the grid."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 7
    lines = -(-len(methods) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(1.7 * columns, 1.9 * lines), squeeze=False)
    for axis in axes.flat:
        axis.set(xlim=(-5.5, 5.5), ylim=(-5.5, 5.5), xticks=[], yticks=[], aspect="equal")
    for axis, method in zip(axes.flat, methods, strict=False):
        file = out / f"{problem}-{method}-{seed}.npy"
        axis.set_title(method, fontsize=6)
        if file.exists():
            axis.scatter(*np.load(file).T, s=0.4, color="#1f4e79")
    for axis in axes.flat[len(methods) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(out / f"{problem}.png", dpi=90)
    pyplot.close(figure)


def names_of(text: str, known: Mapping[str, Any]) -> list[str]:
    """The names in a list with commas. Raises argparse.ArgumentTypeError for an unknown one."""
    for name in text.split(","):
        if name not in known:
            raise argparse.ArgumentTypeError(f"'{name}' is unknown: give some of {', '.join(known)}")
    return text.split(",")


def main() -> None:
    """Compare, and print a table a problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: names_of(text, METHODS), default=list(METHODS), help="methods")
    parser.add_argument("--problems", type=lambda text: names_of(text, PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--budget", type=float, default=1.0, help="times the units of BUDGETS (default 1)")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    tasks = [(problem, seed) for seed in arguments.seeds for problem in arguments.problems]
    found = comparison(Rows(arguments.out), tasks, arguments.only, arguments.budget)
    for problem in found:
        print(f"\n{problem}\n\n{table_of(found[problem])}")
        if problem == "digits":
            print("\nreal held-out digits:", heldout_quality())
        else:
            picture(arguments.out, problem, arguments.only, arguments.seeds[0])


if __name__ == "__main__":
    main()
