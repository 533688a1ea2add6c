"""From what a person names (a run, a folder, an array, a data set) to the two sides of an evaluation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from nablagan.data import Dataset, open_dataset
from nablagan.data.cache import cache_directory
from nablagan.evaluation.counterparts import counterpart
from nablagan.evaluation.evaluate import MOST, Real, Role
from nablagan.evaluation.judges import ImageJudge, Judge, PointJudge
from nablagan.evaluation.pairs import PairJudge
from nablagan.evaluation.samples import Progress, Samples, rows_of, samples_of_run, silent
from nablagan.metrics import efficientnet_stages
from nablagan.metrics.extractors import open_extractor
from nablagan.training.restore import read_config, read_json
from nablagan.training.run import DataSettings
from nablagan.types import InputError

DEFAULT = "efficientnet_lite0"
"""The extractor that needs no file."""
MOST_TRAINING = 60_000
"""Training samples among which copies are sought, at most."""


@dataclass(frozen=True)
class Wish:
    """What the caller asks for; None chooses."""

    against: str | None = None
    """Where the real data are."""
    train: str | None = None
    """Where the training data are."""
    count: int | None = None
    seed: int = 0
    checkpoint: Path | None = None
    half_life: int | None = None
    resolution: int | tuple[int, int] | None = None
    channels: int | None = None
    fit: str | None = None
    cache: str | None = None
    limit_bad: float = 0.01


@dataclass(frozen=True)
class Sides:
    """What is compared."""

    generated: Samples
    real: Real
    training: Samples | None
    notes: tuple[str, ...] = ()
    """What was done to the data and is worth telling."""


def open_judge(
    images: bool,
    name: str | None = None,
    weights: Path | None = None,
    choices: Mapping[str, Any] = MappingProxyType({}),
    device: torch.device | str = "cpu",
    cache: str | None = None,
    progress: Progress | None = None,
) -> Judge:
    """What sees the samples: of images the extractor called `name`, of points nothing between.

    InputError for an extractor that is not there or cannot be opened, and for one that is to see points.
    """
    if images:
        extractor = open_extractor(name or DEFAULT, weights, device, **choices)
        return ImageJudge(extractor, device, cache_directory(cache), progress or silent)
    if name or weights or choices:
        raise InputError("extractors see images, and these are points, which are their own features: leave it out")
    return PointJudge()


def open_pair_judge(
    name: str | None = None,
    weights: Path | None = None,
    choices: Mapping[str, Any] = MappingProxyType({}),
    device: torch.device | str = "cpu",
) -> PairJudge:
    """What sees outputs and truths: the extractor called `name`, and EfficientNet's stages. InputError as above."""
    return PairJudge(open_extractor(name or DEFAULT, weights, device, **choices), efficientnet_stages(device), device)


def is_run(path: Path) -> bool:
    """Whether a path is that of a run directory."""
    return (path / "config.json").is_file() and (path / "checkpoints").is_dir()


def sides_of_run(run: Path, wish: Wish, device: torch.device | str = "cpu", progress: Progress | None = None) -> Sides:
    """A run's averaged generator against held-out data where they are known, else against its training data.

    Real data come in the generator's shape. InputError for what is no run, or data that are not there.
    """
    settings, shape = read_config(run).data, tuple(read_json(run / "data.json")["shape"])
    opener = _opener(settings, wish.cache, progress)
    own = opener(wish.train or settings.source)
    source = wish.against or counterpart(settings.source) or settings.source
    known = source == (wish.train or settings.source)
    dataset = own if known else in_shape(opener(source), shape, lambda size, c: opener(source, size, c))
    role = _role(dataset, own, Role.GIVEN if wish.against else Role.HELD_OUT)
    count = wish.count or min(len(dataset), MOST)
    real = Real(rows_of(dataset, count, wish.seed), role)  # first: a wrong count is told before samples are made
    generated = samples_of_run(run, count, wish.seed, wish.checkpoint, wish.half_life, device, progress or silent)
    return Sides(generated, real, _training(own, wish.seed), _fitted(dataset))


def sides_of_data(spec: str, wish: Wish, progress: Progress | None = None) -> Sides:
    """Samples in a folder or array file against data; the real ones are brought to the samples' shape.

    InputError where no data to compare with are named, and for samples that cannot be read or are too few.
    """
    if wish.against is None:
        raise InputError(f"{spec} is no run, so say what its samples are compared with: --against DATA")
    settings = DataSettings(spec, _size(wish.resolution), wish.channels, wish.fit, wish.limit_bad)
    opener = _opener(settings, wish.cache, progress)
    given = opener(spec)

    def opened(source: str) -> Dataset:
        return in_shape(opener(source), given.shape, lambda size, channels: opener(source, size, channels))

    dataset = opened(wish.against)
    train = opened(wish.train) if wish.train else None
    count = wish.count or min(len(given), len(dataset), MOST)
    real = Real(rows_of(dataset, count, wish.seed), _role(dataset, train, Role.GIVEN))
    training = _training(train, wish.seed) if train else None
    return Sides(rows_of(given, count, wish.seed), real, training, _fitted(dataset))


def in_shape(dataset: Dataset, shape: tuple[int, ...], again: Callable[[tuple[int, int], int], Dataset]) -> Dataset:
    """The data set if its samples have this shape, else opened `again` with that size and channels.

    InputError where images meet points.
    """
    if dataset.shape == shape:
        return dataset
    if len(dataset.shape) != len(shape) or len(shape) != 3:
        raise InputError(f"{dataset.name} has samples of shape {dataset.shape}, the generated ones {shape}")
    return again((shape[1], shape[2]), shape[0])


def _opener(settings: DataSettings, cache: str | None, progress: Progress | None) -> Callable[..., Dataset]:
    """Opens a source as the settings say, or in another size."""

    def opener(source: str, size: tuple[int, int] | None = None, channels: int | None = None) -> Dataset:
        return open_dataset(
            source,
            size or settings.resolution,
            channels or settings.channels,
            settings.fit,
            cache,
            settings.limit_bad,
            progress,
        )

    return opener


def _role(dataset: Dataset, train: Dataset | None, otherwise: Role) -> Role:
    return Role.TRAINING if train is not None and dataset.fingerprint == train.fingerprint else otherwise


def _training(dataset: Dataset, seed: int) -> Samples:
    return rows_of(dataset, min(len(dataset), MOST_TRAINING), seed)


def _fitted(dataset: Dataset) -> tuple[str, ...]:
    """That real images were brought to another size, if they were."""
    policy = dataset.description.get("policy")
    if not isinstance(policy, dict) or policy.get("reason") != "as asked":
        return ()
    size = f"{policy['height']} x {policy['width']} with {policy['channels']} channels ({policy['fit']})"
    return (f"images of {dataset.name} were brought to {size}",)


def _size(resolution: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return (resolution, resolution) if isinstance(resolution, int) else resolution
