"""Outputs in batches: the same in any batch, known pixels kept."""

import numpy as np
import pytest
import torch

from nablagan.evaluation.outputs import completed_images, translated_images
from nablagan.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 1, 6, 5), dtype=np.uint8)


def negative(source, latent):
    """Of the first channel, moved by the latent."""
    return -source[:, :1] + (0 if latent is None else latent[:, :1, None, None] / 10)


def test_the_negative_of_every_source():
    assert (translated_images(negative, IMAGES) == 255 - IMAGES).all()


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_latents_are_of_the_seed_and_not_of_the_batches(batch_size):
    whole = translated_images(negative, IMAGES, latent_size=2, seed=1)
    assert (translated_images(negative, IMAGES, latent_size=2, seed=1, batch_size=batch_size) == whole).all()
    assert (translated_images(negative, IMAGES, latent_size=2, seed=2) != whole).any()


def test_completed_images_keep_known_pixels_and_never_show_the_hole():
    masks = np.zeros((7, 1, 6, 5), np.uint8)
    masks[:, :, 2:4, 1:3] = 255
    seen = []

    def net(source, latent):
        seen.append(source)
        return torch.ones(len(source), 1, 6, 5)

    result = completed_images(net, IMAGES, masks)
    assert (result[masks == 0] == IMAGES[masks == 0]).all()
    assert (result[masks > 0] == 255).all()
    completed_images(net, np.where(masks > 0, 255 - IMAGES, IMAGES), masks)
    assert torch.equal(seen[0], seen[1]), "what is hidden changed what the net sees"
    with pytest.raises(InputError, match="one for each image"):
        completed_images(net, IMAGES, masks[:1])
