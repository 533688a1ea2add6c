"""The evidence lower bound against closed forms: KL, and probabilistic PCA (Tipping and Bishop 1999)."""

import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from nablagan.baselines import VAE
from nablagan.baselines.vae import Autoencoder, divergence, elbo, log_likelihood


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_divergence_is_that_of_two_gaussians():
    """Oracle: torch.distributions."""
    mean, log_variance = draws(5, 3), draws(5, 3, seed=1)
    q = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    p = Independent(Normal(torch.zeros(5, 3).double(), torch.ones(5, 3).double()), 1)
    torch.testing.assert_close(divergence(mean, log_variance), kl_divergence(q, p))


def test_log_likelihood_is_that_of_a_gaussian():
    """Oracle: torch.distributions, with variance exp(log_noise)."""
    samples, mean, log_noise = draws(4, 6), draws(4, 6, seed=1), torch.tensor(-0.7).double()
    expected = Independent(Normal(mean, (0.5 * log_noise).exp()), 1).log_prob(samples)
    torch.testing.assert_close(log_likelihood(samples, mean, log_noise), expected)


class Posterior(nn.Module):
    """q(z | x) of probabilistic PCA x = W z + noise, W with orthogonal columns: N(M^-1 W'x, s M^-1), M = W'W + s I."""

    def __init__(self, weight, noise):
        super().__init__()
        self.weight, self.noise = weight, noise

    def forward(self, x):
        precision = self.weight.square().sum(0) + self.noise
        mean = x @ self.weight / precision
        return torch.cat([mean, (self.noise / precision).log().expand(len(x), -1)], 1)


def linear_model(shift=0.0):
    weight = torch.linalg.qr(draws(6, 2))[0] * torch.tensor([2.0, 0.7]).double()
    noise = torch.tensor(0.3).double()
    decoder = nn.Linear(2, 6, bias=False).double()
    decoder.weight.data = weight
    encoder = Posterior(weight + shift, noise)
    model = Autoencoder(encoder, decoder).double()
    model.log_noise.data = noise.log()
    evidence = MultivariateNormal(torch.zeros(6).double(), weight @ weight.T + noise * torch.eye(6).double())
    return model, evidence


def mean_elbo(model, samples, count=20_000):
    """Over antithetic draws, whose odd moments cancel."""
    noise = draws(count, 2, seed=5)
    noise = torch.cat([noise, -noise])
    return elbo(model, samples.expand(len(noise), -1), noise).mean()


def test_the_bound_is_the_evidence_at_the_true_posterior():
    """Oracle: the closed-form log-density N(0, W W' + s I); a wrong posterior lies below it."""
    model, evidence = linear_model()
    sample = draws(1, 6, seed=2)
    expected = evidence.log_prob(sample)[0]
    torch.testing.assert_close(mean_elbo(model, sample), expected, atol=0.03, rtol=0)
    assert mean_elbo(linear_model(shift=0.2)[0], sample) < expected - 0.05


def test_the_loss_is_of_the_elbo_and_samples_have_the_shape():
    torch.manual_seed(0)
    module = VAE.build((1, 8, 8), 16)
    images = torch.zeros(3, 1, 8, 8)
    assert VAE.loss(module, images, torch.Generator().manual_seed(0)).shape == (3,)
    module.eval()
    sampler = VAE.samplers[0]
    first, again = (sampler.draw(module, (1, 8, 8), 4, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.shape == (4, 1, 8, 8)
    assert torch.equal(first, again)
