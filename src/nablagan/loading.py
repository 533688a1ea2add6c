"""A trained run as an object: samples, translations and completions of pictures in memory."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nablagan.data.decode import BadFile
from nablagan.imaging.applying import completed, floats_of, in_channels, translated
from nablagan.imaging.modes import picture_of, planes_of
from nablagan.imaging.pictures import Picture, read_picture
from nablagan.imaging.tiles import Tiling
from nablagan.training.restore import Trained, check_generates, load_trained
from nablagan.training.sampling import latents
from nablagan.training.translating import Translator, translator_of
from nablagan.types import InputError

Given = Image.Image | np.ndarray | str | os.PathLike[str]
"""A picture: Pillow's, an array (h, w) or (h, w, 3 or 4) uint8 or (h, w) uint16, or a file."""


def load(
    run: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    half_life: int | None = None,
    device: torch.device | str = "cpu",
) -> "Loaded":
    """The averaged generator of a run directory, from its newest sound checkpoint or the one given.

    Raises InputError for what is not a run directory, has no sound checkpoint, or lacks that average.
    """
    directory = Path(run)
    return Loaded(
        load_trained(directory, None if checkpoint is None else Path(checkpoint), half_life), directory, device
    )


@dataclass(frozen=True)
class Loaded:
    """A trained run. What it can do depends on its task; the rest raises InputError."""

    trained: Trained
    directory: Path
    device: torch.device | str = "cpu"

    def sample(self, count: int = 1, seed: int = 0, label: Tensor | int | None = None) -> Tensor:
        """`count` samples (count, *shape), images in about [-1, 1], of a run that generates (`Trained.samples`)."""
        check_generates(self.trained.run, self.directory)
        return self.trained.samples(count, seed, label)

    def translate(self, image: Given, seed: int = 0, backwards: bool = False, tile: int = 512) -> Image.Image:
        """The translation of a picture, of its size and, where channels allow, its mode and depth.

        `seed` draws the latent of a run that has one. `backwards`: from targets to sources, of a run that learnt both
        ways. Pictures larger than `tile` are worked on in overlapping tiles.
        """
        translator = translator_of(self.trained, self.directory, backwards, self.device)
        return image_of(translated(translator, picture_given(image), self._latent(translator, seed), Tiling(tile)))

    def complete(self, image: Given, mask: Given, seed: int = 0, tile: int = 512) -> Image.Image:
        """The picture with its missing pixels painted; all others keep their bits.

        `mask`: a picture of the same size, white (above 127) where pixels are missing, or an array (h, w) of booleans.
        """
        translator = translator_of(self.trained, self.directory, device=self.device)
        missing = missing_given(mask)
        done = completed(translator, picture_given(image), missing, self._latent(translator, seed), Tiling(tile))
        return image_of(done)

    @staticmethod
    def _latent(translator: Translator, seed: int) -> Tensor | None:
        return latents(1, translator.latent_size, seed) if translator.latent_size else None


def picture_given(image: Given) -> Picture:
    """The picture in whatever form it is given. Raises InputError for what is none."""
    if isinstance(image, str | os.PathLike):
        return read_picture(Path(image))
    try:
        planes = planes_of(Image.fromarray(image) if isinstance(image, np.ndarray) else image)
    except (BadFile, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"this image cannot be used ({error}): give (h, w) or (h, w, 3) uint8, or a file") from error
    return Picture(planes.colours, planes.alpha, planes.mode, {})


def missing_given(mask: Given) -> np.ndarray:
    """Which pixels are missing, (h, w) booleans."""
    if isinstance(mask, np.ndarray) and mask.dtype == bool and mask.ndim == 2:
        return mask
    return in_channels(floats_of(picture_given(mask).colours), 1)[0].numpy() > 0


def image_of(picture: Picture) -> Image.Image:
    """Pillow's image of a picture."""
    return picture_of(picture.colours, picture.alpha, picture.mode)
