"""How each metric answers to known damage, and how often the memorisation test is right: the tables of docs/metrics.md.

    OMP_NUM_THREADS=1 python benchmarks/sensitivity.py fashion --data DIRECTORY --count 2000
    OMP_NUM_THREADS=1 python benchmarks/sensitivity.py avatars --count 2000

The reference is `count` real images; every row compares `count` others with it. Needs the extra `metrics`, and for
avatars the packages python-avatars and resvg-py.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from avatars import avatars
from nablagan.data import open_dataset
from nablagan.metrics.extractors import open_extractor
from nablagan.metrics.features import deviation, features_of
from nablagan.metrics.measure import measure
from nablagan.metrics.memorisation import compared, nearest_distances

COLUMNS = (
    "kernel_distance",
    "frechet_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "sliced_wasserstein",
    "vendi_fake",
)
SEEDS = 20
LEVEL = 0.01


def main() -> None:
    """Both tables of one kind of image."""
    arguments = options()
    start = time.perf_counter()
    training, others, fresh = SOURCES[arguments.kind](arguments)
    print(f"### {arguments.kind}, {arguments.count} against {arguments.count} images\n", flush=True)
    extractor = open_extractor("efficientnet_lite0")
    real = features_of(extractor, training)
    unit = deviation(real)
    raw = features_of(extractor, others)
    response_table(extractor, unit, real / unit, others, raw / unit)
    against = features_of(extractor, fresh) / unit
    detection_table("features", real / unit, raw / unit, against)
    detection_table("pixels", *(part.reshape(len(part), -1) / 255 for part in (training, others, fresh)))
    print(f"\n{time.perf_counter() - start:.0f} s")


def options() -> argparse.Namespace:
    """Which images, how many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(SOURCES))
    parser.add_argument("--data", help="Fashion-MNIST's directory")
    parser.add_argument("--count", type=int, default=2000)
    return parser.parse_args()


def response_table(extractor, unit, real: np.ndarray, others: np.ndarray, fresh: np.ndarray) -> None:
    """A row for each damage."""
    print("| images | " + " | ".join(column.replace("_", " ") for column in COLUMNS) + " |")
    print("|---|" + "---|" * len(COLUMNS), flush=True)
    random = np.random.default_rng(0)
    row("other real images", real, fresh)
    for name, damage in DAMAGES.items():
        row(name, real, features_of(extractor, damage(others, random)) / unit)
    for share in (0.1, 0.5):
        row(f"{share:.0%} replaced by images of the reference", real, with_copies(fresh, real, share, random))


def row(name: str, real: np.ndarray, fake: np.ndarray) -> None:
    """Values with half the width of their intervals."""
    figures = measure(real, fake)
    cells = [f"{figures[c].value:.3g} ± {(figures[c].high - figures[c].low) / 2:.1g}" for c in COLUMNS]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def detection_table(space: str, training: np.ndarray, held_out: np.ndarray, fresh: np.ndarray) -> None:
    """How many of the seeds the test flags: halves of fresh real images, and such with 10 % copies of the reference.

    The distances to the reference are taken once; each seed chooses halves of both sides and which images are copies.
    """
    judged, own, copied = (nearest_distances(part, training)[0] for part in (fresh, held_out, training))
    flagged = dict.fromkeys((0.0, 0.1), 0)
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        chosen, against = (random.permutation(side)[: len(side) // 2] for side in (judged, own))
        for share in flagged:
            generated = with_copies(chosen, copied, share, random)
            flagged[share] += compared(generated, against, seed=seed).p_value < LEVEL
    print(
        f"\nMemorisation in {space}, p < {LEVEL}: {flagged[0.0]} of {SEEDS} sets of fresh real images flagged,", end=" "
    )
    print(f"{flagged[0.1]} of {SEEDS} sets with 10 % copies.", flush=True)


def with_copies(rows: np.ndarray, training: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """The rows, a share of them replaced by training rows."""
    result, count = rows.copy(), round(share * len(rows))
    result[:count] = training[random.choice(len(training), count, replace=False)]
    return result


def noise(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Gaussian noise of 20 grey levels."""
    return (images + random.normal(0, 20, images.shape)).clip(0, 255).round().astype(np.uint8)


def blur(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Gaussian blur of 1 pixel."""
    return gaussian_filter(images.astype(np.float32), (0, 0, 1, 1)).round().astype(np.uint8)


def patch_swap(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Two random patches of a quarter of the side change places."""
    result, side = images.copy(), images.shape[-1] // 4
    for image in result:
        (top, low), (left, right) = side * np.stack(np.divmod(random.choice(16, 2, replace=False), 4))
        first, second = np.s_[:, top : top + side, left : left + side], np.s_[:, low : low + side, right : right + side]
        image[first], image[second] = image[second].copy(), image[first].copy()
    return result


def collapse(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """20 images, each many times, moved by up to 1 pixel and with noise of 2 grey levels."""
    chosen = images[random.integers(20, size=len(images))]
    moves = random.integers(-1, 2, size=(len(images), 2))
    moved = np.stack([np.roll(image, tuple(move), (1, 2)) for image, move in zip(chosen, moves, strict=True)])
    return (moved + random.normal(0, 2, moved.shape)).clip(0, 255).round().astype(np.uint8)


DAMAGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "noise, 20 grey levels": noise,
    "blur, 1 pixel": blur,
    "two patches swapped": patch_swap,
    "collapse to 20 images": collapse,
}


def fashion(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three disjoint parts of Fashion-MNIST at 32x32."""
    samples = open_dataset(arguments.data).samples
    return parts(samples[np.sort(np.random.default_rng(0).permutation(len(samples))[: 3 * arguments.count])], arguments)


def faces(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three disjoint parts of random avatars at 64x64."""
    return parts(avatars(3 * arguments.count, 64, seed=0), arguments)


def parts(images: np.ndarray, arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(reference, others, fresh), drawn without order."""
    order = np.random.default_rng(1).permutation(len(images)).reshape(3, arguments.count)
    return images[order[0]], images[order[1]], images[order[2]]


SOURCES = {"fashion": fashion, "avatars": faces}


if __name__ == "__main__":
    main()
