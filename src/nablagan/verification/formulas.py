"""Checks of the article's formulas, S1 to S10: each evaluates both statements literally and measures them.

`setting` is the only argument; probabilities D as the article writes them, its formulas by vector-Jacobian products
of D, the right ones by `nablagan.closed_form`.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

from nablagan import closed_form
from nablagan.closed_form import Generate, Judge, LogitDerivatives
from nablagan.verification.setting import (
    Figures,
    Function,
    Setting,
    against_oracles,
    cosine,
    numeric_derivative,
    relative_error,
)

STEP = 0.1
"""Of the single descent steps that notes report."""


def directional_derivative(setting: Setting) -> Figures:
    """S1: one number a point would be the same along any direction."""
    sizes = setting.game.sizes
    start = torch.cat([setting.theta, setting.psi])
    one, other = setting.directions

    def loss(point: Tensor) -> Tensor:
        return -setting.value(*point.split(sizes))

    def stated(direction: Tensor) -> Tensor:
        u, w = direction.split(sizes)
        pair = u, w
        return closed_form.directional_derivatives(closed_form.minimax, *players(setting), pair).discriminator

    found = torch.stack([stated(one), stated(other)])
    exact = torch.stack([torch.func.grad(loss)(start) @ d for d in (one, other)])
    numeric = torch.stack([(loss(start + 1e-5 * d) - loss(start - 1e-5 * d)) / 2e-5 for d in (one, other)])
    linear = relative_error(stated(one + 2 * other), stated(one) + 2 * stated(other))
    errors = [relative_error(value[1], value[0]) for value in (exact, numeric)]
    errors += [relative_error(found, oracle) for oracle in (exact, numeric)]
    note = f"along two unit directions: {exact[0]:+.4f} and {exact[1]:+.4f}"
    return Figures(*errors, note=note, claims=linear <= 1e-10)


def discriminator_loss(setting: Setting) -> Figures:
    """S2: the article's loss, minimised, against -V."""
    theta, psi = setting.theta, setting.psi
    article = torch.func.grad(lambda p: setting.value(theta, p))(psi)
    right = closed_form.discriminator_gradient(closed_form.minimax, *players(setting))
    wrong_way, right_way = (
        setting.on_real(psi - STEP * g).mean() - setting.on_real(psi).mean() for g in (article, right)
    )
    rises = torch.func.jvp(lambda p: setting.value(theta, p), (psi,), (-right,))[1] > 0
    note = f"one descent step moves E D(x) by {wrong_way:+.4f}; with -V by {right_way:+.4f}"
    return against_oracles(article, right, lambda p: -setting.value(theta, p), psi, note, bool(rises))


def generator_loss(setting: Setting) -> Figures:
    """S3: in a zero-sum game ∇_θ L_G = -∇_θ L_D."""
    theta, psi = setting.theta, setting.psi
    right = closed_form.generator_gradient(closed_form.minimax, *players(setting))
    article = torch.func.grad(lambda t: articles_generator_loss(setting, t))(theta)

    def minus_articles(t: Tensor) -> Tensor:
        return -setting.value(t, psi)

    def minus_right(t: Tensor) -> Tensor:
        return setting.value(t, psi)

    difference = articles_generator_loss(setting, theta) - setting.value(theta, psi)
    identity = relative_error(difference, -2 * setting.on_real(psi).log().mean())
    measured = [
        relative_error(gradient, oracle(function))
        for gradient, function in ((article, minus_articles), (right, minus_right))
        for oracle in (lambda f: torch.func.grad(f)(theta), lambda f: numeric_derivative(f, theta))
    ]
    note = f"the article's L_G - L_D = -2 E log D(x), to {identity:.0g}: neither zero-sum nor non-saturating"
    return Figures(*measured, note=note, claims=identity <= 1e-12)


def real_term_of_the_generator(setting: Setting) -> Figures:
    """S4: x and D do not depend on theta."""
    theta, psi = setting.theta, setting.psi

    def on_real(t: Tensor) -> Tensor:
        return setting.on_real(psi) + 0 * t.sum()  # depends on theta in form only

    probabilities, pullback, *_ = torch.func.vjp(on_real, theta)
    article = pullback(-1 / probabilities / len(probabilities))[0]
    return against_oracles(article, torch.zeros_like(theta), lambda t: -on_real(t).log().mean(), theta)


def fake_term_of_the_generator(setting: Setting) -> Figures:
    """S5: the sign of the chain rule through 1 - D."""
    article = articles_fake_term(setting)
    right = closed_form.generator_gradient(closed_form.minimax, *players(setting))
    note = f"cosine of the two {cosine(article, right):+.3f}"
    return against_oracles(
        article, right, lambda t: (1 - setting.on_fake(t, setting.psi)).log().mean(), setting.theta, note
    )


def generator_gradient(setting: Setting) -> Figures:
    """S6: the total, and that of the non-saturating loss."""
    right = closed_form.generator_gradient(closed_form.minimax, *players(setting))
    trained = closed_form.generator_gradient(closed_form.non_saturating, *players(setting))
    exact = torch.func.grad(lambda t: softplus(-setting.judge(setting.psi, setting.generate(t))).mean())(setting.theta)
    error = relative_error(trained, exact)
    return against_oracles(
        articles_fake_term(setting),  # its real term is zero
        right,
        lambda t: articles_generator_loss(setting, t),
        setting.theta,
        f"non-saturating, -E[σ(-b) J_G^T ∇_x b]: error {error:.0g}",
        error <= 1e-10,
    )


def real_term_of_the_discriminator(setting: Setting) -> Figures:
    """S7: the factor log D <= 0 turns the gradient round."""
    article = articles_real_factor(setting)
    right = -closed_form.discriminator_gradient(real_only, *players(setting))
    note = (
        f"cosine of the two {cosine(article, right):+.3f}, ratio of their lengths {article.norm() / right.norm():.2f}"
    )
    return against_oracles(article, right, lambda p: setting.on_real(p).log().mean(), setting.psi, note)


def fake_term_of_the_discriminator(setting: Setting) -> Figures:
    """S8: two errors, whose signs cancel."""
    article = articles_fake_factor(setting)
    right = -closed_form.discriminator_gradient(fake_only, *players(setting))
    note = f"cosine of the two {cosine(article, right):+.3f}: the signs cancel, the size is wrong"
    return against_oracles(
        article, right, lambda p: (1 - setting.on_fake(setting.theta, p)).log().mean(), setting.psi, note
    )


def discriminator_gradient(setting: Setting) -> Figures:
    """S9: the article's total is the exact gradient of another function."""
    theta, psi = setting.theta, setting.psi
    article = articles_real_factor(setting) + articles_fake_factor(setting)

    def other(p: Tensor) -> Tensor:
        return (setting.on_real(p).log().square() - (1 - setting.on_fake(theta, p)).log().square()).mean() / 2

    right = -closed_form.discriminator_gradient(closed_form.minimax, *players(setting))
    identity = relative_error(article, torch.func.grad(other)(psi))
    note = (
        f"the article's is ∇(E log² D(x) - E log²(1 - D(G)))/2, to {identity:.0g}; "
        f"cosine with ∇V {cosine(article, right):+.2f}"
    )
    return against_oracles(article, right, lambda p: setting.value(theta, p), psi, note, identity <= 1e-12)


def types_of_the_symbols(setting: Setting) -> Figures:
    """S10: with logits a and b every term is a function of a real number."""
    a = torch.linspace(-30, 30, 61, dtype=torch.float64)
    share = 1 - float(a.log().isfinite().double().mean())
    right = -closed_form.minimax(a, a).discriminator_real
    exact = torch.func.grad(lambda x: torch.sigmoid(x).log().sum())(a)
    numeric = numeric_derivative(lambda x: torch.sigmoid(x).log(), a).diagonal()
    errors = [relative_error(right, oracle) for oracle in (exact, numeric)]
    return Figures(share, None, *errors, note="d log D/da = σ(-a) at 61 logits from -30 to 30")


# --- the article's own formulas ----------------------------------------------------------------------------


def articles_generator_loss(setting: Setting, theta: Tensor) -> Tensor:
    """-E log D(x) + E log(1 - D(G(z)))."""
    return -setting.on_real(setting.psi).log().mean() + (1 - setting.on_fake(theta, setting.psi)).log().mean()


def articles_fake_term(setting: Setting) -> Tensor:
    """+E[∇_G D(G(z)) / (1 - D(G(z)))], (p,)."""
    return weighted(lambda t: setting.on_fake(t, setting.psi), setting.theta, lambda d: 1 / (1 - d))


def articles_real_factor(setting: Setting) -> Tensor:
    """E[(∇_D D(x) / D(x)) log D(x)], (q,)."""
    return weighted(setting.on_real, setting.psi, lambda d: d.log() / d)


def articles_fake_factor(setting: Setting) -> Tensor:
    """E[(∇_D D(G(z)) / (1 - D(G(z)))) log(1 - D(G(z)))], (q,)."""
    return weighted(lambda p: setting.on_fake(setting.theta, p), setting.psi, lambda d: (1 - d).log() / (1 - d))


def weighted(probabilities: Function, point: Tensor, weight: Function) -> Tensor:
    """E[weight(D) ∇D], (n,)."""
    values, pullback, *_ = torch.func.vjp(probabilities, point)
    return pullback(weight(values) / len(values))[0]


# --- the right ones ----------------------------------------------------------------------------------------


def players(setting: Setting) -> tuple[Generate, Judge, Tensor, Tensor, Tensor]:
    """What the functions of closed_form take after the derivatives."""
    return setting.generate, setting.judge, setting.theta, setting.psi, setting.batch.real


def real_only(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """Those of minimax, without the generated samples' term of L_D."""
    both = closed_form.minimax(real_logits, fake_logits)
    return both._replace(discriminator_fake=0 * both.discriminator_fake)


def fake_only(real_logits: Tensor, fake_logits: Tensor) -> LogitDerivatives:
    """Those of minimax, without the real samples' term of L_D."""
    both = closed_form.minimax(real_logits, fake_logits)
    return both._replace(discriminator_real=0 * both.discriminator_real)
