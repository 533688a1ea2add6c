"""Every baseline trains from its seed alone; Adam sees gradients in the layout of the weights."""

import numpy as np
import pytest
import torch

from nablagan.baselines import DDPM, FLOW_MATCHING, VAE, Plan, Training
from nablagan.baselines.unet import UNet
from nablagan.data import Dataset
from nablagan.training.engine import Engine
from nablagan.training.loop import Diverged
from nablagan.types import InputError

HERE = Engine(torch.device("cpu"))
METHODS = pytest.mark.parametrize("method", [VAE, FLOW_MATCHING, DDPM], ids=lambda method: method.name)


def images(count=64, shape=(1, 8, 8)):
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Dataset("noise", pixels, None, (), "f", {})


def trained(method, steps=3, **changes):
    torch.manual_seed(torch.randint(1000, ()).item())  # what the caller drew must not matter
    training = Training(method, Plan(8, steps * 16, 16, **changes), images(), HERE)
    losses = list(training.steps())
    return training, losses


@METHODS
@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_same_seed_gives_the_same_training(method, bfloat16):
    first, again, other = (trained(method, seed=seed, bfloat16=bfloat16) for seed in (0, 0, 1))
    assert first[1] == again[1] != other[1]
    assert first[0].images_seen == 48
    pairs = zip(first[0].average.parameters(), again[0].average.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@METHODS
def test_fused_adam_steps_as_the_plain_one(method):
    """Oracle: fused=False; with channels-last weights and other gradients the fused one goes wrong silently.

    Of convolutions' weights: a bias before batch normalisation has a gradient of rounding alone, which Adam scales up.
    """
    fused = Training(method, Plan(8, 160, 16), images(), HERE)
    plain = Training(method, Plan(8, 160, 16), images(), HERE)
    plain.optimizer = torch.optim.Adam(plain.module.parameters(), method.learning_rate, (0.9, 0.99), fused=False)
    for _ in zip(fused.steps(), plain.steps(), strict=True):
        pass
    pairs = zip(fused.module.parameters(), plain.module.parameters(), strict=True)
    weights = [(a, b) for a, b in pairs if a.ndim == 4]
    assert weights
    for a, b in weights:
        torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-3)


@METHODS
def test_samplers_give_images_from_their_generator(method):
    training, _ = trained(method)
    for sampler in method.samplers:
        if sampler.steps <= 4:
            with torch.inference_mode():
                drawn = sampler.draw(training.average, (1, 8, 8), 2, torch.Generator().manual_seed(0))
            assert drawn.shape == (2, 1, 8, 8)
            assert torch.isfinite(drawn).all()


def test_a_loss_that_is_not_finite_ends_it():
    training = Training(VAE, Plan(8, 64, 16), images(), HERE)
    next(iter(training.module.parameters())).data.fill_(float("nan"))
    with pytest.raises(Diverged, match="vae is nan"):
        next(training.steps())


def test_points_are_refused():
    points = Dataset("ring", np.zeros((8, 2), np.float32), None, (), "f", {})
    with pytest.raises(InputError, match="holds points"):
        Training(VAE, Plan(8, 64), points, HERE)
    with pytest.raises(InputError, match="width of a baseline is 0"):
        Plan(0, 64)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 16)], ids=str)
def test_the_unet_knows_the_time_and_mixes_no_samples(shape):
    torch.manual_seed(0)
    net = UNet(shape, 8).double()
    for parameter in net.end.parameters():
        torch.nn.init.normal_(parameter)
    x, time = torch.randn(3, *shape, dtype=torch.float64), torch.tensor([0.1, 0.5, 0.9]).double()
    together = net(x, time)
    assert together.shape == x.shape
    torch.testing.assert_close(net(x[1:2], time[1:2]), together[1:2])
    assert not torch.allclose(net(x, time.flip(0)), together)
