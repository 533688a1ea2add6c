"""Tiny runs that start from images, and data for them: one run a task, on 8x8 images."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from nablagan import losses, penalties
from nablagan.data import masks
from nablagan.data.dataset import Dataset
from nablagan.optim import Pooled, constant
from nablagan.players import contrastive as contrastive_players
from nablagan.players import two_ways as two_ways_players
from nablagan.tasks import completion, contrastive, translation, two_ways
from nablagan.training.run import DataSettings, PenaltySettings, PlayerSettings, Run, TaskSettings
from runs import BATCH, images, images_run
from translators import LATENT, PatchJudge, Translator

SIZE = (8, 8)
GREY, COLOUR, WITH_MASK = (1, *SIZE), (3, *SIZE), (2, *SIZE)


def pairs(is_paired: bool = True, source_channels: int = 3, count: int = 20, sources: int | None = None) -> Dataset:
    """Random 8x8 images, each with a random source."""
    random = np.random.Generator(np.random.PCG64(7))
    drawn = random.integers(0, 256, (sources or count, source_channels, *SIZE), np.uint8)
    data = images(count)
    description = data.description | {"source_shape": [source_channels, *SIZE]}
    return replace(data, sources=drawn, is_paired=is_paired, description=description)


def image_run(generator: PlayerSettings, discriminator: PlayerSettings, task: TaskSettings, **changes: Any) -> Run:
    """`images_run` without labels and augmentation, of another task."""
    run = images_run(
        data=DataSettings("images"),
        generator=generator,
        discriminator=discriminator,
        task=task,
        penalties=(PenaltySettings(penalties.r1, constant(0.1)), PenaltySettings(penalties.r2, constant(0.1))),
        loss=losses.relativistic,
        augmentations=(),
        conditional=False,
        latent_size=LATENT,
        holdout=4,
        probe_images=2 * BATCH,
        audit_images=4 * BATCH,
        dtype="float64",
    )
    return replace(run, **changes)


def translation_run(**changes: Any) -> Run:
    """In pairs, with a latent."""
    return image_run(
        PlayerSettings(Translator, {"source_shape": COLOUR}),
        PlayerSettings(PatchJudge, {"source_shape": COLOUR}),
        TaskSettings(translation, {"reconstruction": 10.0, "feature_matching": 1.0, "diversity": 0.1}),
        **changes,
    )


def alone_run(**changes: Any) -> Run:
    """In pairs, the discriminator being shown the images alone."""
    run = translation_run(**changes)
    task = replace(run.task, options=run.task.options | {"sees_source": False})
    return replace(run, discriminator=PlayerSettings(PatchJudge), task=task)


def two_ways_run(**changes: Any) -> Run:
    """Without pairs, both ways."""
    return image_run(
        PlayerSettings(two_ways_players.generator, {"source_shape": COLOUR, "net": Translator}),
        PlayerSettings(two_ways_players.discriminator, {"source_shape": COLOUR, "net": PatchJudge}),
        TaskSettings(two_ways, {"cycle": 5.0}),
        **changes,
    )


def contrastive_run(**changes: Any) -> Run:
    """Without pairs, one way."""
    return image_run(
        PlayerSettings(contrastive_players.generator, {"source_shape": GREY, "net": Translator, "projection": 4}),
        PlayerSettings(PatchJudge),
        TaskSettings(contrastive),
        **changes,
    )


def completion_run(**changes: Any) -> Run:
    """With holes."""
    return image_run(
        PlayerSettings(Translator, {"source_shape": WITH_MASK}),
        PlayerSettings(PatchJudge, {"source_shape": GREY}),
        TaskSettings(completion, {"hole": 5.0}),
        masks=masks.random_mask,
        **changes,
    )


def pooled_run(**changes: Any) -> Run:
    """The same with a pool of 5 past samples."""
    return two_ways_run(update=pooled, **changes)


def pooled(*arguments: Any) -> Pooled:
    """An update with a small pool."""
    return Pooled(*arguments, size=5)


RUNS = {
    "translation": (translation_run, pairs),
    "translation judged by images alone": (alone_run, pairs),
    "two ways": (two_ways_run, partial(pairs, is_paired=False, sources=13)),
    "contrastive": (contrastive_run, partial(pairs, is_paired=False, source_channels=1, sources=13)),
    "completion": (completion_run, images),
}
"""name -> (run, data)."""
