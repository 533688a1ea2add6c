"""Is a weight that sets itself as good as the best fixed one?

    export OMP_NUM_THREADS=1
    python benchmarks/gamma.py --data builtin:digits --resolution 16 --images 48000 --results gamma.jsonl
    python benchmarks/gamma.py --data builtin:digits --resolution 32 --images 24000 --results gamma.jsonl
    python benchmarks/gamma.py --data FASHION_MNIST --unconditional --images 24000 --results gamma.jsonl
    python benchmarks/gamma.py --results gamma.jsonl --table

Trains the recipe `strided` with each of five fixed gammas (--gamma X: falling tenfold over the run) and with
--gamma auto, for each seed, about two minutes a run on one thread. The figure is the kernel distance of
benchmarks/equal_time.py between 4,000 samples of the averaged generator and 4,000 real images, on features of a
classifier that is trained here on the data's labels. A JSON line a run, with the course of its measures, goes to
--results; runs that are there are not made again. --table prints what the file holds, and auto over the best fixed.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate

from digits_quality import classifier
from equal_time import kernel_distance
from nablagan import recipes
from nablagan.data import Dataset, open_dataset, picture_grid, to_tensor
from nablagan.recipes import Options
from nablagan.training.engine import Engine, engine
from nablagan.training.loop import Diverged, State, prepare, sampler_of, steps
from nablagan.training.run import DataSettings, Run
from nablagan.training.sampling import latents, samples
from nablagan.training.tick import schedule_values

FIXED = ("0.05", "0.2", "1", "5", "20")
COUNT, FEATURE_STEPS, SIDE, PARTS = 4_000, 600, 32, 50
Features = Callable[[Tensor], Tensor]


class Setting(NamedTuple):
    """What identifies a row."""

    data: str
    resolution: int
    conditional: bool
    images: int
    gamma: str
    seed: int


def features_of(dataset: Dataset, seed: int) -> Features:
    """(N, C, H, W) images to the features (N, 2048) of a classifier trained on the data."""
    assert dataset.labels is not None, "the features are those of a classifier: give data with labels"
    torch.manual_seed(seed)
    net = classifier()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
    for _ in range(FEATURE_STEPS):
        index = torch.randint(len(dataset), (100,)).numpy()
        images, labels = at_side(to_tensor(dataset.samples[index])), torch.from_numpy(dataset.labels[index])
        loss = cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    trunk = net[:-1].eval()

    @torch.inference_mode()
    def features(images: Tensor) -> Tensor:
        return torch.cat([trunk(at_side(part)) for part in images.split(500)])

    return features


def at_side(images: Tensor) -> Tensor:
    """Images scaled to the side that the classifier reads."""
    if images.shape[-1] == SIDE:
        return images
    return interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False)


def run_of(setting: Setting, dataset: Dataset) -> Run:
    """The recipe's run with this gamma."""
    gamma = setting.gamma if setting.gamma == "auto" else float(setting.gamma)
    options = Options(images=setting.images, seed=setting.seed, gamma=gamma, conditional=setting.conditional)
    return recipes.strided(recipes.facts_of(dataset, DataSettings(setting.data)), options)


def trained(run: Run, dataset: Dataset, here: Engine) -> tuple[State, list[dict[str, float]]]:
    """The state at the end, and the means of all measures over each fiftieth of the run."""
    state = prepare(run, dataset.shape, len(dataset.classes), here)
    course: list[dict[str, float]] = []
    sums: dict[str, float] = defaultdict(float)
    count = 0
    for _ in steps(state, sampler_of(run, dataset, here)):
        for name, value in (state.measures | schedule_values(state)).items():
            sums[name] += value
        count += 1
        if state.images_seen * PARTS // run.images > len(course):
            course.append({name: float(f"{value / count:.5g}") for name, value in sums.items()})
            sums, count = defaultdict(float), 0
    return state, course


def measure(setting: Setting, dataset: Dataset, features: Features, here: Engine, pictures: Path | None) -> Any:
    """What a row says beside its setting."""
    run = run_of(setting, dataset)
    try:
        state, course = trained(run, dataset, here)
    except Diverged as failure:
        return {"kernel_distance": None, "reason": failure.reason}
    chosen = np.random.default_rng(setting.seed).permutation(len(dataset))[:COUNT]
    assert dataset.labels is not None
    label = torch.from_numpy(dataset.labels[chosen]).long() if run.conditional else None
    average = state.averages.players[run.ema_half_lives[0]]
    fake = samples(average, latents(len(chosen), run.latent_size, setting.seed + 1), label).clamp(-1, 1)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        name = f"{dataset.name}-{setting.resolution}-{setting.gamma}-{setting.seed}.png"
        picture_grid(fake[:100], 10).save(pictures / name)
    distance = kernel_distance(features(fake), features(to_tensor(dataset.samples[chosen])))
    return {"kernel_distance": round(distance, 2), "course": course}


def rows(results: Path) -> list[dict[str, Any]]:
    """The lines of the file."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def table(results: Path) -> Iterator[str]:
    """Kernel distance by seed and its mean for each gamma of each problem, then auto over the best fixed gamma."""
    found: dict[Any, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows(results):
        problem = f"{row['data']} {row['resolution']}x{row['resolution']}, {row['images']:,} images"
        distance = row["kernel_distance"]
        found[problem][row["gamma"]].append(float("inf") if distance is None else distance)
    for problem, by_gamma in found.items():
        yield problem
        means = {gamma: float(np.mean(distances)) for gamma, distances in by_gamma.items()}
        for gamma, distances in by_gamma.items():
            yield f"  gamma {gamma:>5}: {means[gamma]:8.1f}   ({', '.join(f'{d:.1f}' for d in distances)})"
        best = min((gamma for gamma in means if gamma != "auto"), key=means.__getitem__, default=None)
        if best and "auto" in means:
            yield f"  auto / best fixed ({best}): {means['auto'] / means[best]:.3f}"


def main() -> None:
    """Make the runs that are missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="builtin:digits")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--images", type=int, default=24_000)
    parser.add_argument("--unconditional", action="store_true")
    parser.add_argument("--gammas", default=",".join((*FIXED, "auto")))
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, appended to")
    parser.add_argument("--pictures", type=Path, help="where grids of samples go")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        print("\n".join(table(arguments.results)))
        return
    with engine("cpu") as here:
        dataset = open_dataset(arguments.data, (arguments.resolution, arguments.resolution))
        features = features_of(dataset, 0)
        common = (dataset.name, arguments.resolution, not arguments.unconditional, arguments.images)
        for seed in map(int, arguments.seeds.split(",")):
            for gamma in arguments.gammas.split(","):
                setting = Setting(*common, gamma, seed)
                if any(Setting(*(row[name] for name in Setting._fields)) == setting for row in rows(arguments.results)):
                    continue
                row = setting._asdict() | measure(setting, dataset, features, here, arguments.pictures)
                with arguments.results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print({name: value for name, value in row.items() if name != "course"}, flush=True)


if __name__ == "__main__":
    main()
