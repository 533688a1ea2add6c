"""Losses: functions `(real_logits, fake_logits) -> PlayerLosses`, per sample (batch,), both players minimise.

Notation: a = D(x), b = D(G(z)) are logits of a batch's pairs, s(t) = log(1 + e^t) is softplus, σ the sigmoid.
A player's loss is the mean over the batch. All forms are stable: exact for any logit whose loss is a finite
number. Nothing is detached: the functions state the mathematics, the game decides who is held constant. Every
function raises InputError unless both logits are (batch,).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import relu

from nablagan.types import InputError, PlayerLosses


def minimax(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = s(-a) + s(b), L_G = -s(b): the saturating game (Goodfellow et al. 2014, equation 1).

    ∂L_D/∂a = -σ(-a), ∂L_D/∂b = σ(b), ∂L_G/∂b = -σ(b): the generator's gradient vanishes where the
    discriminator is sure that a sample is fake. Zero-sum up to s(-a), which does not depend on the generator
    and is left out of L_G.

    >>> minimax(torch.zeros(1), torch.zeros(1))
    PlayerLosses(generator=tensor([-0.6931]), discriminator=tensor([1.3863]))
    """
    check_logits(real_logits, fake_logits)
    return PlayerLosses(-_softplus(fake_logits), _softplus(-real_logits) + _softplus(fake_logits))


def non_saturating(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = s(-a) + s(b), L_G = s(-b): G maximises log D(G(z)) (Goodfellow et al. 2014, section 3).

    ∂L_D/∂a = -σ(-a), ∂L_D/∂b = σ(b), ∂L_G/∂b = -σ(-b): the gradient is largest on samples that look fake. Not
    zero-sum.

    >>> non_saturating(torch.zeros(1), torch.zeros(1))
    PlayerLosses(generator=tensor([0.6931]), discriminator=tensor([1.3863]))
    """
    check_logits(real_logits, fake_logits)
    return PlayerLosses(_softplus(-fake_logits), _softplus(-real_logits) + _softplus(fake_logits))


def wasserstein(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = b - a, L_G = -b: the dual of the Wasserstein-1 distance (Arjovsky et al. 2017, equation 2).

    ∂L_D/∂a = -1, ∂L_D/∂b = 1, ∂L_G/∂b = -1. L_D has no lower bound: it is a distance only for a 1-Lipschitz
    discriminator, so use it with a gradient penalty. All second derivatives in the logits are zero.

    >>> wasserstein(torch.tensor([2.0]), torch.tensor([0.5]))
    PlayerLosses(generator=tensor([-0.5000]), discriminator=tensor([-1.5000]))
    """
    check_logits(real_logits, fake_logits)
    return PlayerLosses(-fake_logits, fake_logits - real_logits)


def hinge(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = max(0, 1 - a) + max(0, 1 + b), L_G = -b (Lim and Ye 2017, "Geometric GAN"; Tran et al. 2017).

    ∂L_D/∂a = -[a < 1], ∂L_D/∂b = [b > -1], ∂L_G/∂b = -1: beyond the margin the discriminator learns nothing
    from a sample. Where all logits are, its field is exactly zero, while the generator's keeps its size.

    >>> hinge(torch.tensor([2.0]), torch.tensor([0.5]))
    PlayerLosses(generator=tensor([-0.5000]), discriminator=tensor([1.5000]))
    """
    check_logits(real_logits, fake_logits)
    return PlayerLosses(-fake_logits, relu(1 - real_logits) + relu(1 + fake_logits))


def least_squares(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = (a - 1)²/2 + b²/2, L_G = (b - 1)²/2 with targets 0 and 1 (Mao et al. 2017, equation 9).

    ∂L_D/∂a = a - 1, ∂L_D/∂b = b, ∂L_G/∂b = b - 1. Samples beyond the target are pulled back: b > 1 costs the
    generator. At equilibrium the logits are 1/2, not 0.

    >>> least_squares(torch.tensor([2.0]), torch.tensor([3.0]))
    PlayerLosses(generator=tensor([2.]), discriminator=tensor([5.]))
    """
    check_logits(real_logits, fake_logits)
    return PlayerLosses((fake_logits - 1).square() / 2, ((real_logits - 1).square() + fake_logits.square()) / 2)


def signed_least_squares(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = (a - 1)² + (b + 1)², L_G = (b - 1)²: targets 1 and -1 (Lin et al. 2026, arXiv 2604.11521).

    ∂L_D/∂a = 2(a - 1), ∂L_D/∂b = 2(b + 1), ∂L_G/∂b = 2(b - 1). Where samples cannot be told apart the best logit is
    0, as it is for a directional derivative (`tasks.adversarial_flow`), which this loss was made for.

    >>> signed_least_squares(torch.tensor([1.0]), torch.tensor([0.5]))
    PlayerLosses(generator=tensor([0.2500]), discriminator=tensor([2.2500]))
    """
    check_logits(real_logits, fake_logits)
    return PlayerLosses((fake_logits - 1).square(), (real_logits - 1).square() + (fake_logits + 1).square())


def relativistic(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = s(b - a), L_G = s(a - b): RpGAN, pair by pair (Jolicoeur-Martineau 2019; R3GAN).

    ∂L_D/∂a = -σ(b - a), ∂L_D/∂b = σ(b - a), ∂L_G/∂b = -σ(a - b), ∂L_G/∂a = σ(a - b). A constant added to all
    logits changes nothing, so only differences of logits have a meaning. The real logits weigh in the
    generator's gradient.

    >>> relativistic(torch.tensor([1.0]), torch.tensor([0.0]))
    PlayerLosses(generator=tensor([1.3133]), discriminator=tensor([0.3133]))
    """
    check_logits(real_logits, fake_logits)
    margin = real_logits - fake_logits
    return PlayerLosses(_softplus(margin), _softplus(-margin))


def relativistic_average(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = s(b̄ - a) + s(b - ā), L_G = s(a - b̄) + s(ā - b), batch means: RaGAN (Jolicoeur-Martineau 2019).

    Of the mean over n pairs: n ∂L_D/∂a_i = -(r_i + q̄), n ∂L_D/∂b_i = q_i + r̄ with r = σ(b̄ - a), q = σ(b -
    ā); n ∂L_G/∂a_i = r_i + q̄, n ∂L_G/∂b_i = -(q_i + r̄) with r = σ(a - b̄), q = σ(ā - b). Samples are
    coupled: the loss of two half batches is not that of the whole, so accumulating gradients or splitting a
    batch over processes changes the game.

    >>> relativistic_average(torch.tensor([1.0]), torch.tensor([0.0]))
    PlayerLosses(generator=tensor([2.6265]), discriminator=tensor([0.6265]))
    """
    check_logits(real_logits, fake_logits)
    real_margin = real_logits - fake_logits.mean()
    fake_margin = fake_logits - real_logits.mean()
    return PlayerLosses(
        _softplus(real_margin) + _softplus(-fake_margin), _softplus(-real_margin) + _softplus(fake_margin)
    )


# f-GAN (Nowozin et al. 2016): L_D = -g(a) + f*(g(b)), L_G = -f*(g(b)). P real, Q generated, u = p/q; at the
# best logit T*(u), -E L_D is the divergence D_f(P, Q) = E_Q f(u). Zero-sum up to g(a), like `minimax`.


def kullback_leibler(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = -a + e^(b-1), L_G = -e^(b-1): f-GAN for KL(P, Q) = E_P log u (Nowozin et al. 2016).

    ∂L_D/∂a = -1, ∂L_D/∂b = e^(b-1), ∂L_G/∂b = -e^(b-1); T* = 1 + log u. The generator's gradient is
    exponential in its logit.

    >>> kullback_leibler(torch.ones(1), torch.ones(1))
    PlayerLosses(generator=tensor([-1.]), discriminator=tensor([0.]))
    """
    return _f_gan(-real_logits, (fake_logits - 1).exp())


def reverse_kullback_leibler(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = e^(-a) + b - 1, L_G = 1 - b: f-GAN for KL(Q, P) = -E_Q log u (Nowozin et al. 2016).

    ∂L_D/∂a = -e^(-a), ∂L_D/∂b = 1, ∂L_G/∂b = -1; T* = log u. The generator's loss is the Wasserstein one.

    >>> reverse_kullback_leibler(torch.zeros(1), torch.zeros(1))
    PlayerLosses(generator=tensor([1.]), discriminator=tensor([0.]))
    """
    return _f_gan((-real_logits).exp(), fake_logits - 1)


def pearson(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = -a + b²/4 + b, L_G = -(b²/4 + b): f-GAN for χ²(P, Q) = E_Q (u - 1)² (Nowozin et al. 2016).

    ∂L_D/∂a = -1, ∂L_D/∂b = b/2 + 1, ∂L_G/∂b = -(b/2 + 1); T* = 2(u - 1). Below b = -2 the generator's
    gradient changes sign.

    >>> pearson(torch.zeros(1), torch.tensor([2.0]))
    PlayerLosses(generator=tensor([-3.]), discriminator=tensor([3.]))
    """
    return _f_gan(-real_logits, fake_logits.square() / 4 + fake_logits)


def neyman(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = e^(-a) + 1 - 2e^(-b/2), L_G = 2e^(-b/2) - 2: f-GAN for χ²(Q, P) (Nowozin et al. 2016).

    χ²(Q, P) = E_Q (1 - u)²/u. ∂L_D/∂a = -e^(-a), ∂L_D/∂b = e^(-b/2), ∂L_G/∂b = -e^(-b/2); T* = 2 log u.

    >>> neyman(torch.zeros(1), torch.full((1,), 2.0))
    PlayerLosses(generator=tensor([-1.2642]), discriminator=tensor([1.2642]))
    """
    return _f_gan(torch.expm1(-real_logits), -2 * torch.expm1(-fake_logits / 2))


def squared_hellinger(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = e^(-a) - 1 + e^b - 1, L_G = 1 - e^b: f-GAN for H² = E_Q (√u - 1)² (Nowozin et al. 2016).

    ∂L_D/∂a = -e^(-a), ∂L_D/∂b = e^b, ∂L_G/∂b = -e^b; T* = (log u)/2.

    >>> squared_hellinger(torch.zeros(1), torch.zeros(1))
    PlayerLosses(generator=tensor([-0.]), discriminator=tensor([0.]))
    """
    return _f_gan(torch.expm1(-real_logits), torch.expm1(fake_logits))


def jensen_shannon(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = s(-a) + s(b) - 2 log 2, L_G = log 2 - s(b): f-GAN for 2 JS(P, Q) (Nowozin et al. 2016).

    ∂L_D/∂a = -σ(-a), ∂L_D/∂b = σ(b), ∂L_G/∂b = -σ(b); T* = log u. `minimax` shifted by constants, so that -E
    L_D is the divergence itself: with M = (P + Q)/2 the table's form is KL(P, M) + KL(Q, M), twice the usual
    Jensen-Shannon divergence.

    >>> jensen_shannon(torch.zeros(1), torch.zeros(1))
    PlayerLosses(generator=tensor([-0.]), discriminator=tensor([0.]))
    """
    return _f_gan(_softplus(-real_logits) - math.log(2), _softplus(fake_logits) - math.log(2))


def total_variation(real_logits: Tensor, fake_logits: Tensor) -> PlayerLosses:
    """L_D = (tanh b - tanh a)/2, L_G = -(tanh b)/2: f-GAN for TV(P, Q) = E_Q |u - 1|/2 (Nowozin et al. 2016).

    ∂L_D/∂a = -(1 - tanh²a)/2, ∂L_D/∂b = (1 - tanh²b)/2, ∂L_G/∂b = -(1 - tanh²b)/2. T* = ±∞ by the sign of u -
    1: the bound is approached, never attained, and every gradient vanishes on the way.

    >>> total_variation(torch.zeros(1), torch.zeros(1))
    PlayerLosses(generator=tensor([-0.]), discriminator=tensor([0.]))
    """
    return _f_gan(-real_logits.tanh() / 2, fake_logits.tanh() / 2)


def check_logits(real_logits: Tensor, fake_logits: Tensor) -> None:
    """Raise InputError unless both are (batch,): (batch, 1) against (batch,) would broadcast."""
    if real_logits.ndim != 1 or real_logits.shape != fake_logits.shape:
        raise InputError(
            f"real logits {tuple(real_logits.shape)}, fake logits {tuple(fake_logits.shape)}: both must be "
            "(batch,), let the discriminator return one logit a sample, for example logits.squeeze(1)"
        )


def _f_gan(minus_g: Tensor, conjugate: Tensor) -> PlayerLosses:
    """L_D = -g(a) + f*(g(b)), L_G = -f*(g(b)); both terms are shaped like the logits."""
    check_logits(minus_g, conjugate)
    return PlayerLosses(-conjugate, minus_g + conjugate)


def _softplus(x: Tensor) -> Tensor:
    """log(1 + e^x), exact to the last digits of float64.

    torch's own default is x itself from x = 20 on, where log(1 + e^-20) = 2e-9 is still seen: a jump in the gradient.
    """
    return functional.softplus(x, threshold=40.0)
