"""Patches of the photographs that scikit-image and scikit-learn bring along (extra `photos`); nothing is downloaded."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from nablagan.data import cache as cache_files
from nablagan.data.arrays import ArraySource, open_arrays
from nablagan.data.dataset import Dataset
from nablagan.data.hashing import hash_of_file, hash_of_json
from nablagan.data.pairing import Progress
from nablagan.data.policy import Request
from nablagan.types import InputError

RESOLUTION = 64
SKIMAGE, SKLEARN = "skimage/data", "sklearn/datasets/images"
TRAINING = (
    (SKIMAGE, "astronaut.png"),
    (SKIMAGE, "coffee.png"),
    (SKIMAGE, "rocket.jpg"),
    (SKIMAGE, "motorcycle_left.png"),
    (SKIMAGE, "hubble_deep_field.jpg"),
    (SKIMAGE, "ihc.png"),
    (SKIMAGE, "retina.jpg"),
    (SKLEARN, "china.jpg"),
)
HELD_OUT = ((SKIMAGE, "chelsea.png"), (SKLEARN, "flower.jpg"))
REDUCTIONS = (1, 2, 3, 4)
"""Every photo also at a half, a third and a quarter of its size: there patches show things, not surfaces."""
STEPS_A_PATCH = 4
"""Patches overlap: the next one begins a quarter of a patch further."""
LEAST_DEVIATION = 12.0
"""Standard deviation of grey levels below which a patch is flat and left out."""
MOST_A_PHOTO = 800
_SEED = 20_261_129


def open_photos(name: str, held_out: bool, request: Request, cache: Path, progress: Progress) -> Dataset:
    """Patches of one side of the split in colour, of the size that is asked for; whole photos are held out.

    Raises InputError when the extra is missing.
    """
    paths = [_path(folder, file) for folder, file in (HELD_OUT if held_out else TRAINING)]
    height, width = request.size or (RESOLUTION, RESOLUTION)
    settings = [REDUCTIONS, STEPS_A_PATCH, LEAST_DEVIATION, MOST_A_PHOTO, _SEED]
    key = hash_of_json(["photos 1", height, width, settings, [*map(hash_of_file, paths)], PIL.__version__])
    found = cache_files.stored_samples(cache, key, (3, height, width), _patches(paths, (height, width), progress))
    notes = {
        "split": "no photo is both here and in builtin:photos" + ("" if held_out else "-heldout"),
        "origin": "patches of " + ", ".join(path.name for path in paths),
    }
    return open_arrays(ArraySource(name, f"builtin:{name}", found, None, (), notes), request, cache)


def patches_of(photo: Image.Image, height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 (n, 3, height, width): patches of a photo that are not flat, the smallest reduction's first.

    At most MOST_A_PHOTO: of the largest reductions all, of the others a random part, in their order.
    """
    found = np.empty((0, 3, height, width), np.uint8)
    random = np.random.Generator(np.random.PCG64([_SEED, seed]))
    for reduction in reversed(REDUCTIONS):
        size = (round(photo.width / reduction), round(photo.height / reduction))
        if size[0] < width or size[1] < height:
            continue
        pixels = np.asarray(photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)).transpose(2, 0, 1)
        patches = _with_content(_windows(pixels, height, width))
        room = min(MOST_A_PHOTO - len(found), len(patches))
        chosen = np.sort(random.permutation(len(patches))[:room])
        found = np.concatenate([found, patches[chosen]])
    return found


def _patches(paths: list[Path], size: tuple[int, int], progress: Progress) -> Iterator[np.ndarray]:
    for index, path in enumerate(paths):
        with Image.open(path) as photo:
            yield patches_of(photo, *size, seed=index)
        if progress:
            progress(index + 1, len(paths), "cutting patches")


def _windows(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, 3, height, width): every window a step apart."""
    every = np.lib.stride_tricks.sliding_window_view(pixels, (height, width), axis=(1, 2))
    steps = (max(1, height // STEPS_A_PATCH), max(1, width // STEPS_A_PATCH))
    chosen = every[:, :: steps[0], :: steps[1]]
    return chosen.transpose(1, 2, 0, 3, 4).reshape(-1, 3, height, width)


def _with_content(patches: np.ndarray) -> np.ndarray:
    deviation = patches.mean(axis=1, dtype=np.float32).std(axis=(1, 2))
    return patches[deviation >= LEAST_DEVIATION]


def _path(folder: str, file: str) -> Path:
    """Where a package's photo lies, without importing the package."""
    package, *inner = folder.split("/")
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"builtin:photos needs the package {package}: pip install 'nablagan[photos]'")
    path = Path(found.origin).parent.joinpath(*inner, file)
    if not path.is_file():
        raise InputError(f"{package} has no photo {'/'.join((*inner, file))}; install the version of constraints.txt")
    return path
