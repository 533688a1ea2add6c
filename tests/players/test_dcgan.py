"""The convolutional players' two ways up and the scale at which they start."""

import pytest
import torch
from torch import nn

from nablagan.players import dcgan

IMAGE = (3, 32, 32)


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("block", [dcgan.NearestConvolution, dcgan.TransposedConvolution])
def test_both_ways_up_keep_the_scale(block):
    """The second moment is multiplied by gain² = 2 / 1.04, away from the borders."""
    torch.manual_seed(0)
    raised = block(64, 64)(draws(8, 64, 16, 16))
    assert raised.shape == (8, 64, 32, 32)
    assert raised[..., 2:-2, 2:-2].square().mean().item() == pytest.approx(2 / 1.04, rel=0.1)


@pytest.mark.parametrize("norm", [lambda width: nn.Identity(), dcgan.layers.PixelNorm], ids=["none", "pixel"])
@pytest.mark.parametrize("block", [dcgan.NearestConvolution, dcgan.TransposedConvolution])
def test_generated_images_start_at_the_scale_of_data(norm, block):
    torch.manual_seed(0)
    samples = dcgan.generator(IMAGE, upsampling=block, normalisation=norm)(draws(64, 64))
    assert 0.3 < samples.std() < 1.5


@pytest.mark.parametrize("kernel", [3, 4])
def test_logits_start_at_the_scale_of_one(kernel):
    torch.manual_seed(0)
    discriminator = dcgan.discriminator(IMAGE, kernel=kernel)
    assert 0.1 < discriminator(draws(64, *IMAGE)).std() < 2


def test_gains_start_at_one():
    torch.manual_seed(0)
    generator = dcgan.generator(IMAGE, size="tiny", gains=True)
    samples = generator(draws(2, 64))
    for stage in generator.stages:
        stage.gain = None
    assert torch.equal(generator(draws(2, 64)), samples)


def test_a_bounded_output_is_tanh_of_the_linear_one():
    made = []
    for output in (dcgan.layers.unbounded, dcgan.layers.bounded):
        torch.manual_seed(0)
        made.append(dcgan.generator(IMAGE, size="tiny", output=output)(10 * draws(8, 64)))
    assert made[0].abs().max() > 1
    assert torch.equal(made[1], made[0].tanh())
