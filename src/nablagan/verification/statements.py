"""What the founding article says and what is right, statement by statement: the table of the audit.

a = D(x) and b = D(G(z)) in the column of what is right are logits, s(t) = log(1 + e^t), σ the sigmoid; in the article
D is a probability. S: formulas, C: lines of its code.
"""

from collections.abc import Callable
from typing import NamedTuple

from nablagan.verification import code, formulas
from nablagan.verification.setting import Figures, Setting

RELATIVE = "relative error"


class Statement(NamedTuple):
    """One statement of the article and its correction."""

    name: str
    article: str
    right: str
    check: Callable[[Setting], Figures]
    measure: str = RELATIVE
    """What the article's figure is; that of the right statement is always a relative error."""


STATEMENTS = (
    Statement(
        "S1",
        "a directional derivative is the derivative of a function at a point; the gradient is the direction of update",
        "D_u f = lim (f(x + εu) - f(x))/ε = <∇f, u>: needs a direction u, linear in it; descent moves along -∇f",
        formulas.directional_derivative,
        "relative difference along two directions",
    ),
    Statement(
        "S2",
        "L_D = E log D(x) + E log(1 - D(G(z))), minimised",
        "that is V, which D maximises: L_D = -V = E s(-a) + E s(b)",
        formulas.discriminator_loss,
    ),
    Statement(
        "S3",
        "L_G = -E log D(x) + E log(1 - D(G(z)))",
        "zero-sum: L_G = V up to terms without θ, so L_G = -E s(b); in practice non-saturating, L_G = E s(-b)",
        formulas.generator_loss,
        "relative error of ∇_θ L_G = -∇_θ L_D",
    ),
    Statement(
        "S4",
        "∇_G (-E log D(x)) = -E[∇_G D(x) / D(x)], kept in the result",
        "0: neither x nor D depends on θ",
        formulas.real_term_of_the_generator,
        "norm of the term: true but empty",
    ),
    Statement(
        "S5",
        "∇_G E log(1 - D(G(z))) = +E[∇_G D(G(z)) / (1 - D(G(z)))]",
        "-E[∇_θ D(G(z)) / (1 - D(G(z)))] = -E[σ(b) J_G^T ∇_x b]",
        formulas.fake_term_of_the_generator,
    ),
    Statement(
        "S6",
        "∇_G L_G = -E[∇_G D(x) / D(x)] + E[∇_G D(G(z)) / (1 - D(G(z)))]",
        "∇_θ L_G = -E[σ(b) J_G^T ∇_x b]: the corrected S5 alone",
        formulas.generator_gradient,
    ),
    Statement(
        "S7",
        "∇_D E log D(x) = E[(∇_D D(x) / D(x)) log D(x)]",
        "E[∇_ψ D(x) / D(x)] = E[σ(-a) ∇_ψ a]",
        formulas.real_term_of_the_discriminator,
    ),
    Statement(
        "S8",
        "∇_D E log(1 - D(G(z))) = E[(∇_D D(G(z)) / (1 - D(G(z)))) log(1 - D(G(z)))]",
        "-E[∇_ψ D(G(z)) / (1 - D(G(z)))] = -E[σ(b) ∇_ψ b]",
        formulas.fake_term_of_the_discriminator,
    ),
    Statement(
        "S9",
        "∇_D L_D = the sum of S7 and S8",
        "∇_ψ V = E[σ(-a) ∇_ψ a] - E[σ(b) ∇_ψ b]; D descends along ∇_ψ L_D = -∇_ψ V",
        formulas.discriminator_gradient,
    ),
    Statement(
        "S10",
        "∇_G and ∇_D, D(x) without a type, four formulas with an open parenthesis",
        "∇_θ and ∇_ψ of parameters; a and b are logits everywhere, log D = -s(-a), log(1 - D) = -s(b)",
        formulas.types_of_the_symbols,
        "share of logits where log D(x) is not finite if D(x) is read as one",
    ),
    Statement(
        "C1",
        "loss = -mean(discriminator(fake_images)) for the generator",
        "mean s(-b), the partner of a logarithmic L_D; -mean b goes with Wasserstein and hinge losses on logits",
        code.generator_loss,
    ),
    Statement(
        "C2",
        "real_loss = discriminator(real_data), minimised",
        "mean s(-a)",
        code.real_loss,
    ),
    Statement(
        "C3",
        "loss = mean(real_loss + log(1 - fake_loss)), minimised",
        "mean s(b): the sign of the second term",
        code.fake_loss,
    ),
    Statement("C4", "tf.log", "tf.math.log since TensorFlow 2, whose GradientTape is used", code.name_of_the_logarithm),
    Statement(
        "C5",
        "log(1.0 - fake_loss)",
        "-s(b), finite for every logit",
        code.stable_logarithm,
        "share of logits where it is not finite",
    ),
    Statement(
        "C6",
        "fake_images are made outside disc_tape",
        "inside: ∂_θ ∇_ψ L_D is not zero; made outside it is lost, and with it the coupling that game optimisers use",
        code.cross_derivatives,
    ),
    Statement(
        "C7",
        "generator_loss and discriminator_loss also step their optimisers; real_data is unused, shapes may broadcast",
        "loss, field and update are separate; a loss asked twice gives the same bits, logits are (batch,)",
        code.side_effects,
        "relative change of the loss when asked twice",
    ),
)
