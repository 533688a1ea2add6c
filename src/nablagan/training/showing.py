"""Pictures of a run that starts from images: input, output, truth and error side by side, on the same items always."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from nablagan.data.dataset import Dataset
from nablagan.data.pictures import picture_grid
from nablagan.data.sampler import Sampler, heldout, seeded
from nablagan.players.two_ways import TwoWays
from nablagan.tasks.completion import composed, with_hole
from nablagan.training.run import Run
from nablagan.training.translating import way
from nablagan.types import Batch

if TYPE_CHECKING:
    from PIL import Image

ROWS, DRAWN = 8, 3
"""Items in a picture, and outputs of each where they are drawn."""
Column = tuple[str, Tensor]
"""A title and images (ROWS, C, H, W) in [-1, 1]."""


def examples(run: Run, dataset: Dataset) -> Batch:
    """The items that are shown: held-out ones as far as there are any, with holes if the run completes."""
    held = heldout(len(dataset), run.seed, min(run.holdout, ROWS))
    index = np.concatenate([held, np.setdiff1d(np.arange(len(dataset)), held)])[:ROWS]
    batch = Sampler(dataset, 1, run.latent_size, run.seed, masks=run.masks).of_samples(index)
    if dataset.sources is None or dataset.is_paired:
        return batch
    count = len(dataset.sources)
    held = heldout(count, run.seed, min(run.holdout, count // 2, ROWS))
    chosen = np.concatenate([held, np.setdiff1d(np.arange(count), held)])[: len(index)]
    source = Sampler(dataset, 1, 1, run.seed).sources(np.resize(chosen, len(index)))
    return batch._replace(source=source)


def columns_of(generator: nn.Module, run: Run, dataset: Dataset) -> list[Column]:
    """What a picture shows, from left to right."""
    batch = on_device_of(generator, examples(run, dataset))
    with torch.inference_mode():
        if batch.mask is not None:
            return completed_columns(generator, run, batch)
        columns = translated_columns(way(generator), run, batch)
        if dataset.is_paired:
            columns += compared_columns(columns[-1][1], batch.real)
        return columns + (back_columns(generator, columns, run, batch) if isinstance(generator, TwoWays) else [])


def titles_of(run: Run, dataset: Dataset) -> list[str]:
    """The columns' titles, as `columns_of` gives them."""
    outputs = ["output"] * (DRAWN if run.latent_size else 1)
    if run.masks is not None:
        return ["input", *outputs, "truth", "error"]
    titles = ["input", *outputs, *(["truth", "error"] if dataset.is_paired else [])]
    two_ways = run.task.build.__name__ == "two_ways"
    return titles + (["input again", "target", "way back", "target again"] if two_ways else [])


def translated_columns(net: nn.Module, run: Run, batch: Batch) -> list[Column]:
    """The sources, and what becomes of them."""
    assert batch.source is not None
    return [("input", batch.source)] + [("output", net(batch.source, z)) for z in latents(run, batch)]


def completed_columns(generator: nn.Module, run: Run, batch: Batch) -> list[Column]:
    """The images with their holes grey, the completions, the truth and the difference."""
    assert batch.mask is not None
    given = with_hole(batch.real, batch.mask)
    outputs = [("output", composed(batch.real, generator(given, z), batch.mask)) for z in latents(run, batch)]
    return [
        ("input", composed(batch.real, torch.zeros_like(batch.real), batch.mask)),
        *outputs,
        *compared_columns(outputs[-1][1], batch.real),
    ]


def compared_columns(output: Tensor, truth: Tensor) -> list[Column]:
    """The truth, and the absolute difference: black where there is none, white where it is the whole range."""
    return [("truth", truth), ("error", (output - truth).abs() - 1)]


def back_columns(generator: TwoWays, columns: list[Column], run: Run, batch: Batch) -> list[Column]:
    """The input translated there and back; the targets, translated back, and there again."""
    back = generator.back(batch.real)
    again = generator.there(back, latents(run, batch)[0])
    return [
        ("input again", generator.back(columns[1][1])),
        ("target", batch.real),
        ("way back", back),
        ("target again", again),
    ]


def latents(run: Run, batch: Batch) -> list[Tensor]:
    """DRAWN latents for each item, one without a latent size; fixed for the run."""
    count = DRAWN if run.latent_size else 1
    draws = torch.randn(count, len(batch.real), max(run.latent_size, 1), generator=seeded(run.seed, "pictures"))
    return list(draws.to(batch.real.device, batch.real.dtype))


def on_device_of(player: nn.Module, batch: Batch) -> Batch:
    """The batch's tensors where the player's parameters are, in their dtype."""
    like = next(player.parameters())
    moved = {k: v.to(like.device, like.dtype) for k, v in batch._asdict().items() if isinstance(v, Tensor)}
    return batch._replace(**{k: v for k, v in moved.items() if k != "label"})


def translations_picture(generator: nn.Module, run: Run, dataset: Dataset) -> "Image.Image":
    """One row an item, columns as in `titles_of`."""
    channels = most_channels(dataset)
    columns = [with_channels(images.float().cpu(), channels) for _, images in columns_of(generator, run, dataset)]
    rows = torch.stack(columns, 1).flatten(0, 1)
    return picture_grid(rows.clamp(-1, 1), len(columns))


def most_channels(dataset: Dataset) -> int:
    """1 if all that is shown is grey, else 3."""
    shapes = [dataset.shape, *([] if dataset.sources is None else [dataset.sources.shape[1:]])]
    return max(min(shape[0], 3) for shape in shapes)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Grey images as RGB if that is wanted, others as they are."""
    return images.expand(-1, channels, -1, -1) if images.shape[1] == 1 else images[:, :channels]
