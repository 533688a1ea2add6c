"""Samples and pictures of a generator on fixed latents."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nablagan.data.dataset import Dataset
from nablagan.data.pictures import picture_grid, scatter_picture
from nablagan.data.sampler import seeded
from nablagan.latent import great_circle
from nablagan.training.files import write_picture
from nablagan.training.run import Run

if TYPE_CHECKING:
    from PIL import Image

COLUMNS = 10
MOST_ROWS = 10
POINTS = 2_000
WALK_FRAMES = 12
"""Frames between two latents of a walk."""
WALK_STOPS = 5


@torch.inference_mode()
def samples(generator: nn.Module, latent: Tensor, label: Tensor | None, batch_size: int = 100) -> Tensor:
    """What the generator makes of latents (N, latent_size) and labels (N,) or None: (N, *shape) on the CPU."""
    parameter = next(generator.parameters())
    latent = latent.to(parameter.device, parameter.dtype)
    label = None if label is None else label.to(parameter.device)
    parts = [
        generator(latent[i : i + batch_size], None if label is None else label[i : i + batch_size]).float().cpu()
        for i in range(0, len(latent), batch_size)
    ]
    return torch.cat(parts)


def latents(count: int, latent_size: int, seed: int, stream: str = "pictures", counter: int = 0) -> Tensor:
    """(count, latent_size) standard normal draws; those of another count need not begin alike."""
    return torch.randn(count, latent_size, generator=seeded(seed, stream, counter))


def row_labels(classes: int) -> Tensor:
    """Labels of a grid with one row a class, (rows * COLUMNS,); many classes are thinned out evenly."""
    rows = torch.linspace(0, classes - 1, min(classes, MOST_ROWS)).round().long()
    return rows.repeat_interleave(COLUMNS)


def samples_picture(generator: nn.Module, run: Run, dataset: Dataset) -> "Image.Image":
    """Samples on the run's fixed latents: one row a class when conditional, a scatter plot for points."""
    if not dataset.is_images:
        points = samples(generator, latents(POINTS, run.latent_size, run.seed), point_labels(run, dataset))
        return scatter_picture(points.numpy(), dataset.samples[:POINTS])
    label = row_labels(len(dataset.classes)) if run.conditional else None
    count = COLUMNS * MOST_ROWS if label is None else len(label)
    return picture_grid(samples(generator, latents(count, run.latent_size, run.seed), label), COLUMNS)


def point_labels(run: Run, dataset: Dataset) -> Tensor | None:
    """Labels for the scatter plot, cycling through the classes."""
    return torch.arange(POINTS) % len(dataset.classes) if run.conditional else None


def real_picture(run: Run, dataset: Dataset) -> "Image.Image":
    """Real samples laid out as `samples_picture` lays out generated ones."""
    order = torch.randperm(len(dataset), generator=seeded(run.seed, "pictures")).tolist()
    if not dataset.is_images:
        return scatter_picture(dataset.samples[order[:POINTS]])
    if run.conditional and dataset.labels is not None:
        wanted = row_labels(len(dataset.classes))[::COLUMNS].tolist()
        chosen = [i for row in wanted for i in _of_class(dataset, order, row)]
        return picture_grid(dataset.samples[chosen], COLUMNS)
    return picture_grid(dataset.samples[sorted(order[: COLUMNS * MOST_ROWS])], COLUMNS)


def _of_class(dataset: Dataset, order: list[int], wanted: int) -> list[int]:
    assert dataset.labels is not None
    members = [i for i in order if dataset.labels[i] == wanted][:COLUMNS]
    return (members * COLUMNS)[:COLUMNS]


def walk(generator: nn.Module, run: Run, classes: int) -> list["Image.Image"]:
    """Frames of a closed walk through latent space along great circles, 10 samples at a time."""
    columns = 5
    stops = [latents(2 * columns, run.latent_size, run.seed + 1 + i) for i in range(WALK_STOPS)]
    label = torch.arange(2 * columns) % classes if run.conditional else None
    frames = []
    for start, end in itertools.pairwise([*stops, stops[0]]):
        for step in range(WALK_FRAMES):
            latent = great_circle(start, end, step / WALK_FRAMES)
            frames.append(picture_grid(samples(generator, latent, label), columns))
    return frames


def save_walk(frames: list["Image.Image"], path: Path) -> None:
    """Write frames as a looping GIF."""
    write_picture(path, frames[0], save_all=True, append_images=frames[1:], duration=80, loop=0, optimize=True)
