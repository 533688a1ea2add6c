"""The variational autoencoder (Kingma and Welling 2014) with one learned noise variance (Rybkin et al. 2021)."""

import math

import torch
from torch import Tensor, nn

from nablagan.baselines.method import Method, Sampler
from nablagan.players import dcgan, layers
from nablagan.players.precision import Staged

LATENT_SIZE = 16
"""More of them leave holes between the codes of the data, where samples fall."""
STARTING_LOG_VARIANCE = -2.0


class Autoencoder(nn.Module):
    """q(z | x) = N(mean, diag exp(log_variance)) by `encoder` (x -> (batch, 2 latent)), p(x | z) = N(decoder(z), s I).

    `log_noise` is log s, one learned number. Without it (a fixed s near 1, the squared error of many tutorials) the
    decoder blurs far more than the model must.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.log_noise = nn.Parameter(torch.tensor(STARTING_LOG_VARIANCE))


class Encoder(Staged):
    """images -> (batch, outputs): the convolutions of `players.dcgan.discriminator` in bfloat16, then linear."""

    def __init__(self, shape: tuple[int, ...], widths: tuple[int, ...], outputs: int) -> None:
        super().__init__(stages=1, bfloat16_stages=1)
        self.convolutions = dcgan.discriminator(shape, widths=widths, kernel=3).convolutions
        base_height, base_width, _ = layers.stages(*shape[1:])
        self.out = layers.Linear(widths[0] * base_height * base_width, outputs)

    def forward(self, images: Tensor) -> Tensor:
        x = self.entering(images, 0)
        for convolution in self.convolutions:
            x = layers.leaky_relu(convolution(x))
        return self.out(x.flatten(1).to(self.masters))


def build(shape: tuple[int, ...], width: int) -> Autoencoder:
    """An autoencoder of images whose decoder is `players.dcgan.generator`; `width` at the lowest resolution.

    Its convolutions run in bfloat16 until `forgo_bfloat16`.
    """
    count = layers.stages(*shape[1:])[2] + 1
    widths = halved(width, count)
    options = {"normalisation": nn.BatchNorm2d, "output": layers.bounded, "bfloat16_stages": count}
    decoder = dcgan.generator(shape, LATENT_SIZE, widths=widths, **options)
    return Autoencoder(Encoder(shape, widths, 2 * LATENT_SIZE), decoder)


def halved(width: int, count: int) -> tuple[int, ...]:
    """`count` widths, each half the one before, 8 at least.

    >>> halved(100, 4)
    (100, 50, 25, 12)
    """
    return tuple(max(width >> stage, 8) for stage in range(count))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) || N(0, I)), (batch,), in nats (Kingma and Welling 2014, appendix B).

    >>> divergence(torch.tensor([[2.0]]), torch.zeros(1, 1))
    tensor([2.])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def log_likelihood(samples: Tensor, mean: Tensor, log_noise: Tensor) -> Tensor:
    """log N(samples; mean, exp(log_noise) I), (batch,), in nats.

    >>> round(log_likelihood(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor(0.0)).item(), 4)
    -1.8379
    """
    square = (samples - mean).flatten(1).square()
    return -0.5 * (square * torch.exp(-log_noise) + log_noise + math.log(2 * math.pi)).sum(1)


def elbo(model: Autoencoder, samples: Tensor, noise: Tensor) -> Tensor:
    """log p(x | z) - KL(q(z | x) || p(z)) at z = mean + deviation * noise, (batch,), in nats; noise (batch, latent).

    A lower bound of log p(x) in expectation over the noise (Kingma and Welling 2014, equation 10, one draw).
    """
    mean, log_variance = model.encoder(samples).chunk(2, 1)
    latent = mean + (0.5 * log_variance).exp() * noise
    return log_likelihood(samples, model.decoder(latent), model.log_noise) - divergence(mean, log_variance)


def loss(module: nn.Module, images: Tensor, draws: torch.Generator) -> Tensor:
    """-elbo a pixel and channel, (batch,), at one draw of the latent."""
    assert isinstance(module, Autoencoder)
    noise = torch.randn(len(images), LATENT_SIZE, generator=draws, dtype=images.dtype).to(images.device)
    return -elbo(module, images, noise) / images[0].numel()


def draw(module: nn.Module, shape: tuple[int, ...], count: int, draws: torch.Generator) -> Tensor:
    """The means of p(x | z) for z ~ N(0, I), (count, *shape): as usual the noise of p(x | z) is left out."""
    assert isinstance(module, Autoencoder)
    latent = torch.randn(count, LATENT_SIZE, generator=draws, dtype=module.log_noise.dtype)
    return module.decoder(latent.to(module.log_noise.device))


def decoder_of(module: nn.Module) -> nn.Module:
    """The net that samples are made by."""
    assert isinstance(module, Autoencoder)
    return module.decoder


VAE = Method("vae", build, loss, (Sampler("decoder", 1, draw),), decoder_of, nets=2, learning_rate=2e-3)
