"""What a trained run that starts from images makes of them: translations, completions, and the way back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nablagan.players.contrastive import Contrastive
from nablagan.players.two_ways import TwoWays
from nablagan.training.restore import Trained, load_trained
from nablagan.types import InputError


@dataclass(frozen=True)
class Translator:
    """A net from sources to images, ready to be called."""

    net: nn.Module
    shape: tuple[int, ...]
    """(channels, height, width) of the images that it was trained to make; it takes others."""
    source_shape: tuple[int, ...]
    """Of its sources; a completion's are what `tasks.with_hole` gives, with the mask as last channel."""
    latent_size: int
    """0 where nothing is drawn: the same source gives one image."""
    completes: bool = False
    """Whether the sources are images with holes, and the mask."""

    @torch.inference_mode()
    def __call__(self, source: Tensor, latent: Tensor | None = None) -> Tensor:
        """Images (batch, C, h, w) in about [-1, 1] of sources (batch, Cs, h, w), on the net's device, float32.

        Raises InputError for a missing latent, or sources of other channels.
        """
        parameter = next(self.net.parameters())
        given = None if latent is None else latent.to(parameter.device, parameter.dtype)
        return self.net(source.to(parameter.device, parameter.dtype), given).float()


def load_translator(
    run: Path,
    checkpoint: Path | None = None,
    half_life: int | None = None,
    device: torch.device | str = "cpu",
    backwards: bool = False,
) -> Translator:
    """The averaged translator of a run. `backwards`: from targets to sources, where a run learnt both ways.

    Raises InputError for a run that makes images of latents alone, and what `load_trained` raises.
    """
    return translator_of(load_trained(run, checkpoint, half_life), run, backwards, device)


def translator_of(
    trained: Trained, directory: Path, backwards: bool = False, device: torch.device | str = "cpu"
) -> Translator:
    """The translator in a trained generator. Raises InputError where there is none."""
    run = trained.run
    if run.task.generates:
        raise InputError(f"{directory} makes images of latents: use nablagan sample, or train translate or complete")
    source_shape = tuple(run.generator.options["source_shape"])
    net = way(trained.generator, backwards).to(device)
    if backwards:
        return Translator(net, source_shape, trained.shape, 0)
    return Translator(net, trained.shape, source_shape, run.latent_size, run.masks is not None)


def way(generator: Any, backwards: bool = False) -> nn.Module:
    """The net from sources to targets in a generator as a task plays it, or the one back."""
    if backwards:
        if not isinstance(generator, TwoWays):
            raise InputError("this run learnt one direction only: train translate --unpaired, or cyclegan, for both")
        return generator.back
    if isinstance(generator, TwoWays):
        return generator.there
    return generator.net if isinstance(generator, Contrastive) else generator
