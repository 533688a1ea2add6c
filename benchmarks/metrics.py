"""What do the metrics cost in seconds and memory?

    python benchmarks/metrics.py [--samples 10000] [--dimensions 2048] [--threads 2] [--json]
    python benchmarks/metrics.py --neighbours 50000 [--dimensions 64] [--block 1024]

Random float32 features on the CPU. The first form runs `metrics.measure`, which gives all figures with their intervals
from shared inner products, and then each metric alone; the second, precision and recall of that many samples a side.
Every case is a process of its own, so that its memory is the most that the system saw it hold (ru_maxrss), with Python,
PyTorch and the features themselves in it; `above features` is without what it held when the features were there. A
stage of `measure` is timed by its progress; seconds are of one run, so other jobs on the machine lengthen them.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nablagan import metrics

CASES: dict[str, Callable[[Tensor, Tensor, int], Any]] = {
    "kernel_distance": lambda f, g, block: metrics.kernel_distance(f, g, block=block),
    "frechet_distance": lambda f, g, block: metrics.frechet_distance(f, g),
    "frechet_distance_at_infinity": lambda f, g, block: metrics.frechet_distance_at_infinity(f, g),
    "precision_recall": lambda f, g, block: metrics.precision_recall(f, g, block=block),
    "density_coverage": lambda f, g, block: metrics.density_coverage(f, g, block=block),
    "sliced_wasserstein": lambda f, g, block: metrics.sliced_wasserstein(f, g),
    "vendi_score": lambda f, g, block: metrics.vendi_score(g),
    "memorisation": lambda f, g, block: metrics.memorisation(g[: len(g) // 2], f, g[len(g) // 2 :], block=block),
}
STAGES = "classes", "kernel and neighbours", "frechet", "sliced_wasserstein", "vendi"


def peak_mib() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def features(samples: int, dimensions: int) -> tuple[Tensor, Tensor]:
    """Two sets that differ a little, with a falling spectrum."""
    random = torch.Generator().manual_seed(0)
    scale = torch.linspace(1, 0.1, dimensions)
    real, fake = (torch.randn(samples, dimensions, generator=random) * scale for _ in range(2))
    return real, fake * 1.1 + 0.05


def measured(real: Tensor, fake: Tensor, block: int) -> dict[str, float]:
    """Seconds of each stage of `measure`."""
    marks = [time.perf_counter()]
    metrics.measure(real, fake, metrics.Settings(block=block), progress=lambda *_: marks.append(time.perf_counter()))
    return dict(zip(STAGES, (b - a for a, b in itertools.pairwise(marks)), strict=True))


def case(name: str, samples: int, dimensions: int, block: int, threads: int) -> dict[str, Any]:
    """Runs one case here."""
    torch.set_num_threads(threads)
    real, fake = features(samples, dimensions)
    before, started = peak_mib(), time.perf_counter()
    stages = measured(real, fake, block) if name == "measure" else CASES[name](real, fake, block) and {}
    row = {"name": name, "seconds": time.perf_counter() - started, "stages": stages or {}}
    return row | {"peak_mib": peak_mib(), "above_features_mib": peak_mib() - before}


def in_a_process(name: str, options: argparse.Namespace, samples: int) -> dict[str, Any]:
    """Runs one case in a process of its own."""
    numbers = {"samples": samples, "dimensions": options.dimensions, "block": options.block, "threads": options.threads}
    words = [word for key, value in numbers.items() for word in (f"--{key}", str(value))]
    done = subprocess.run(
        [sys.executable, __file__, "--case", name, *words], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as Markdown."""
    lines = ["| case | seconds | peak MiB | above features MiB |", "|---|---|---|---|"]
    for row in rows:
        figures = f"{row['peak_mib']:.0f} | {row['above_features_mib']:.0f}"
        lines.append(f"| {row['name']} | {row['seconds']:.1f} | {figures} |")
        lines += [f"| ... {stage} | {seconds:.1f} | | |" for stage, seconds in row["stages"].items()]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000, help="of each side")
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--block", type=int, default=1024, help="rows of a tile")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--neighbours", type=int, default=0, help="only precision_recall, of that many samples a side")
    parser.add_argument("--only", nargs="*", default=["measure", *CASES], help="cases of the first form")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.case:
        print(json.dumps(case(options.case, options.samples, options.dimensions, options.block, options.threads)))
        return
    names = ["precision_recall"] if options.neighbours else options.only
    rows = [in_a_process(name, options, options.neighbours or options.samples) for name in names]
    print(json.dumps(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
