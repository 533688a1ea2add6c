"""The chain rule written out: both players' gradients and the directional derivatives of both losses.

For each function of `nablagan.losses` there is one of the same name here that returns the loss's derivatives in the
logits in closed form. `generator_gradient`, `discriminator_gradient` and `directional_derivatives` carry them to the
parameters by vector-Jacobian and Jacobian-vector products of the players; no loss is differentiated. `Game` gets the
same numbers by automatic differentiation of the losses. Everything here is for losses without penalties.

Notation: a = D(x), b = D(G(z)) logits, σ the sigmoid, J_G = ∂G/∂θ; θ, ψ flat parameter vectors. The players are
functions of them, `generate(theta) -> fake` and `judge(psi, images) -> logits (batch,)`; `nablagan.pure.at` makes such
functions of modules, within `nablagan.pure.frozen`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nablagan.types import InputError, PlayerLosses

Generate = Callable[[Tensor], Tensor]
"""theta (p,) -> generated samples (batch, ...)."""
Judge = Callable[[Tensor, Tensor], Tensor]
"""(psi (q,), samples (batch, ...)) -> logits (batch,)."""


class LogitDerivatives(NamedTuple):
    """The derivatives of both losses in the logits, (batch,) each: batch size times those of the batch mean."""

    generator_real: Tensor
    """∂L_G/∂a: no path leads from it to theta, but one to psi."""
    generator_fake: Tensor
    """∂L_G/∂b."""
    discriminator_real: Tensor
    """∂L_D/∂a."""
    discriminator_fake: Tensor
    """∂L_D/∂b."""


Derivatives = Callable[[Tensor, Tensor], LogitDerivatives]
"""(real_logits, fake_logits), (batch,) each -> LogitDerivatives: `minimax` and the functions below it."""


# --- from the logits to the parameters ---------------------------------------------------------------------


def generator_gradient(
    derivatives: Derivatives, generate: Generate, judge: Judge, theta: Tensor, psi: Tensor, real: Tensor
) -> Tensor:
    """∇_θ L_G = E[(∂L_G/∂b) J_G^T ∇_x D(G(z))], (p,): two vector-Jacobian products (Goodfellow et al. 2014).

    With `minimax` -E[σ(b) J_G^T ∇_x b], with `non_saturating` -E[σ(-b) J_G^T ∇_x b]. Real samples count through
    ∂L_G/∂b only. Raises InputError unless the logits are (batch,).

    >>> one = torch.ones(1)
    >>> generator_gradient(wasserstein, lambda t: 3 * t * one, lambda p, x: p * x, 2 * one, 5 * one, one)
    tensor([-15.])
    """
    fake, through_generator, *_ = torch.func.vjp(generate, theta)
    fake_logits, through_discriminator, *_ = torch.func.vjp(lambda x: judge(psi, x), fake)
    weights = derivatives(judge(psi, real), fake_logits).generator_fake / len(fake_logits)
    return through_generator(through_discriminator(weights)[0])[0]


def discriminator_gradient(
    derivatives: Derivatives, generate: Generate, judge: Judge, theta: Tensor, psi: Tensor, real: Tensor
) -> Tensor:
    """∇_ψ L_D = E[(∂L_D/∂a) ∇_ψ D(x)] + E[(∂L_D/∂b) ∇_ψ D(G(z))], (q,): one vector-Jacobian product.

    With `minimax` and `non_saturating` -E[σ(-a) ∇_ψ a] + E[σ(b) ∇_ψ b] (Goodfellow et al. 2014, algorithm 1, as a
    descent). Raises InputError unless the logits are (batch,).

    >>> one = torch.ones(1)
    >>> discriminator_gradient(wasserstein, lambda t: 3 * t * one, lambda p, x: p * x, 2 * one, 5 * one, one)
    tensor([5.])
    """
    fake = generate(theta)
    (real_logits, fake_logits), pullback, *_ = torch.func.vjp(lambda p: (judge(p, real), judge(p, fake)), psi)
    by_logit = derivatives(real_logits, fake_logits)
    count = len(real_logits)
    return pullback((by_logit.discriminator_real / count, by_logit.discriminator_fake / count))[0]


def directional_derivatives(
    derivatives: Derivatives,
    generate: Generate,
    judge: Judge,
    theta: Tensor,
    psi: Tensor,
    real: Tensor,
    direction: tuple[Tensor, Tensor],
) -> PlayerLosses:
    """(D_(u,w) L_G, D_(u,w) L_D), scalars, along `direction` = (u (p,), w (q,)): one Jacobian-vector product.

    D L = E[(∂L/∂a) ȧ + (∂L/∂b) ḃ] with the logits' rates ȧ = <∇_ψ D(x), w>, ḃ = <∇_ψ D(G), w> + <∇_x D(G), J_G u>.
    Linear in (u, w). Raises InputError unless the logits are (batch,).

    >>> one = torch.ones(1)
    >>> players = lambda t: 3 * t * one, lambda p, x: p * x
    >>> directional_derivatives(wasserstein, *players, 2 * one, 5 * one, one, (one, 0 * one))
    PlayerLosses(generator=tensor(-15.), discriminator=tensor(15.))
    """
    logits, (real_rate, fake_rate), *_ = torch.func.jvp(
        lambda t, p: (judge(p, real), judge(p, generate(t))), (theta, psi), direction
    )
    by_logit = derivatives(*logits)
    return PlayerLosses(
        (by_logit.generator_real * real_rate + by_logit.generator_fake * fake_rate).mean(),
        (by_logit.discriminator_real * real_rate + by_logit.discriminator_fake * fake_rate).mean(),
    )


# --- the losses' derivatives in the logits, named like the losses ------------------------------------------


def minimax(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (0, -σ(b)), ∂L_D = (-σ(-a), σ(b)) (Goodfellow et al. 2014, equation 1).

    >>> minimax(torch.zeros(1), torch.zeros(1)).generator_fake
    tensor([-0.5000])
    """
    return _zero_sum(-torch.sigmoid(-real_logits), torch.sigmoid(fake_logits))


def non_saturating(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (0, -σ(-b)), ∂L_D = (-σ(-a), σ(b)) (Goodfellow et al. 2014, section 3).

    >>> non_saturating(torch.zeros(1), torch.full((1,), -40.0)).generator_fake
    tensor([-1.])
    """
    return minimax(real_logits, fake_logits)._replace(generator_fake=-torch.sigmoid(-fake_logits))


def wasserstein(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (0, -1), ∂L_D = (-1, 1) (Arjovsky et al. 2017, equation 2).

    >>> wasserstein(torch.zeros(1), torch.zeros(1)).discriminator_real
    tensor([-1.])
    """
    return _zero_sum(-torch.ones_like(real_logits), torch.ones_like(fake_logits))


def hinge(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (0, -1), ∂L_D = (-[a < 1], [b > -1]) (Lim and Ye 2017).

    >>> hinge(torch.tensor([0.0, 2.0]), torch.zeros(2)).discriminator_real
    tensor([-1., -0.])
    """
    below, above = (real_logits < 1).to(real_logits.dtype), (fake_logits > -1).to(fake_logits.dtype)
    return wasserstein(real_logits, fake_logits)._replace(discriminator_real=-below, discriminator_fake=above)


def least_squares(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (0, b - 1), ∂L_D = (a - 1, b) (Mao et al. 2017, equation 9).

    >>> least_squares(torch.zeros(1), torch.full((1,), 3.0)).generator_fake
    tensor([2.])
    """
    return _zero_sum(real_logits - 1, fake_logits)._replace(generator_fake=fake_logits - 1)


def signed_least_squares(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (0, 2(b - 1)), ∂L_D = (2(a - 1), 2(b + 1)) (Lin et al. 2026).

    >>> signed_least_squares(torch.zeros(1), torch.full((1,), 3.0)).discriminator_fake
    tensor([8.])
    """
    derivatives = _zero_sum(2 * (real_logits - 1), 2 * (fake_logits + 1))
    return derivatives._replace(generator_fake=2 * (fake_logits - 1))


def relativistic(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (σ(a - b), -σ(a - b)), ∂L_D = (-σ(b - a), σ(b - a)) (Jolicoeur-Martineau 2019).

    >>> relativistic(torch.zeros(1), torch.zeros(1)).generator_real
    tensor([0.5000])
    """
    _check(real_logits, fake_logits)
    generator, discriminator = torch.sigmoid(real_logits - fake_logits), torch.sigmoid(fake_logits - real_logits)
    return LogitDerivatives(generator, -generator, -discriminator, discriminator)


def relativistic_average(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """∂L_G = (r + q̄, -(q + r̄)), ∂L_D = (-(s + t̄), t + s̄), bars the batch means (Jolicoeur-Martineau 2019).

    r = σ(a - b̄), q = σ(ā - b), s = σ(b̄ - a), t = σ(b - ā); the means carry each sample's logit to all others.

    >>> relativistic_average(torch.zeros(1), torch.zeros(1)).generator_real
    tensor([1.])
    """
    _check(real_logits, fake_logits)
    r, q = torch.sigmoid(real_logits - fake_logits.mean()), torch.sigmoid(real_logits.mean() - fake_logits)
    s, t = torch.sigmoid(fake_logits.mean() - real_logits), torch.sigmoid(fake_logits - real_logits.mean())
    return LogitDerivatives(r + q.mean(), -(q + r.mean()), -(s + t.mean()), t + s.mean())


# The f-GAN family (Nowozin et al. 2016): ∂L_G = (0, -c), ∂L_D = (-g'(a), c) with c = d f*(g(b))/db.


def kullback_leibler(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = 1, c = e^(b-1).

    >>> kullback_leibler(torch.ones(1), torch.ones(1)).generator_fake
    tensor([-1.])
    """
    return _zero_sum(-torch.ones_like(real_logits), (fake_logits - 1).exp())


def reverse_kullback_leibler(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = e^(-a), c = 1.

    >>> reverse_kullback_leibler(torch.zeros(1), torch.zeros(1)).discriminator_real
    tensor([-1.])
    """
    return _zero_sum(-(-real_logits).exp(), torch.ones_like(fake_logits))


def pearson(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = 1, c = b/2 + 1.

    >>> pearson(torch.zeros(1), torch.full((1,), -4.0)).generator_fake
    tensor([1.])
    """
    return _zero_sum(-torch.ones_like(real_logits), fake_logits / 2 + 1)


def neyman(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = e^(-a), c = e^(-b/2).

    >>> neyman(torch.zeros(1), torch.zeros(1)).generator_fake
    tensor([-1.])
    """
    return _zero_sum(-(-real_logits).exp(), (-fake_logits / 2).exp())


def squared_hellinger(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = e^(-a), c = e^b.

    >>> squared_hellinger(torch.zeros(1), torch.zeros(1)).generator_fake
    tensor([-1.])
    """
    return _zero_sum(-(-real_logits).exp(), fake_logits.exp())


def jensen_shannon(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = σ(-a), c = σ(b): those of `minimax`, from which the loss differs by constants.

    >>> jensen_shannon(torch.zeros(1), torch.zeros(1)).generator_fake
    tensor([-0.5000])
    """
    return minimax(real_logits, fake_logits)


def total_variation(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """g' = (1 - tanh² a)/2, c = (1 - tanh² b)/2.

    >>> total_variation(torch.zeros(1), torch.zeros(1)).generator_fake
    tensor([-0.5000])
    """
    return _zero_sum((real_logits.tanh().square() - 1) / 2, (1 - fake_logits.tanh().square()) / 2)


def _zero_sum(by_real: Tensor, by_fake: Tensor) -> LogitDerivatives:
    """L_G = -L_D but for the term of the real logits, which L_G leaves out."""
    _check(by_real, by_fake)
    return LogitDerivatives(torch.zeros_like(by_real), -by_fake, by_real, by_fake)


def _check(a: Tensor, b: Tensor) -> None:
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(
            f"real logits {tuple(a.shape)}, fake logits {tuple(b.shape)}: both must be (batch,), "
            "let the discriminator return one logit a sample, for example logits.squeeze(1)"
        )
