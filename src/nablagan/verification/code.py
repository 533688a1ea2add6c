"""Checks of the article's code, C1 to C7; C4 is about another library's names and has nothing to measure.

The discriminator of the code returns probabilities (it takes log(1 - fake)), except where a check says otherwise.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from nablagan import closed_form, losses
from nablagan.game import detached
from nablagan.types import InputError
from nablagan.verification.formulas import STEP, fake_only, players, real_only
from nablagan.verification.setting import Figures, Setting, against_oracles, numeric_derivative, relative_error


def generator_loss(setting: Setting) -> Figures:
    """C1: the derivative in the generated sample's logit, from -8 to 8, against that of the non-saturating loss."""
    b = torch.linspace(-8, 8, 17, dtype=torch.float64)
    article = -torch.sigmoid(b) * torch.sigmoid(-b)
    right = closed_form.non_saturating(b, b).generator_fake
    note = f"at b = -8 the code's is {article[0]:.0e}, the non-saturating one {right[0]:.2f}"
    return against_oracles(article, right, lambda x: losses.non_saturating(b, x).generator.sum(), b, note)


def real_loss(setting: Setting) -> Figures:
    """C2: descent on E D(x)."""
    psi = setting.psi
    article = torch.func.grad(lambda p: setting.on_real(p).mean())(psi)
    right = closed_form.discriminator_gradient(real_only, *players(setting))
    wrong_way, right_way = (
        setting.on_real(psi - STEP * g).mean() - setting.on_real(psi).mean() for g in (article, right)
    )
    rises = torch.func.jvp(lambda p: setting.on_real(p).log().mean(), (psi,), (-right,))[1] > 0
    note = f"one descent step moves E D(x) by {wrong_way:+.4f}; with s(-a) by {right_way:+.4f}"
    return against_oracles(article, right, lambda p: -setting.on_real(p).log().mean(), psi, note, bool(rises))


def fake_loss(setting: Setting) -> Figures:
    """C3: descent on +E log(1 - D(G(z)))."""
    theta, psi = setting.theta, setting.psi

    def on_fake(p: Tensor) -> Tensor:
        return setting.on_fake(theta, p)

    article = torch.func.grad(lambda p: (1 - on_fake(p)).log().mean())(psi)
    right = closed_form.discriminator_gradient(fake_only, *players(setting))
    wrong_way, right_way = (on_fake(psi - STEP * g).mean() - on_fake(psi).mean() for g in (article, right))
    falls = torch.func.jvp(lambda p: (1 - on_fake(p)).log().mean(), (psi,), (-right,))[1] > 0
    note = f"one descent step moves E D(G(z)) by {wrong_way:+.4f}; with s(b) by {right_way:+.4f}"
    return against_oracles(article, right, lambda p: -(1 - on_fake(p)).log().mean(), psi, note, bool(falls))


def name_of_the_logarithm(setting: Setting) -> Figures:
    """C4."""
    return Figures(None, None, None, None, note="a name in another library: nothing to measure")


def stable_logarithm(setting: Setting) -> Figures:
    """C5: log(1 - fake) of logits from -20 to 40; and of probabilities in float32."""
    b = torch.linspace(-20, 40, 61, dtype=torch.float64)
    share = 1 - float((1 - b).log().isfinite().double().mean())
    infinite = b[(1 - torch.sigmoid(b.float())).log().isinf()]
    right = closed_form.minimax(b, b).generator_fake
    exact = torch.func.grad(lambda x: logsigmoid(-x).sum())(b)
    numeric = numeric_derivative(lambda x: logsigmoid(-x), b).diagonal()
    single = relative_error(losses.minimax(b.float(), b.float()).generator.double(), -(1 + b.exp()).log())
    errors = [relative_error(right, oracle) for oracle in (exact, numeric)]
    note = f"of probabilities in float32 -inf from b = {infinite.min():.0f}; -s(b) in float32 has error {single:.0e}"
    return Figures(share, None, *errors, note=note, claims=single <= 1e-6)


def cross_derivatives(setting: Setting) -> Figures:
    """C6: ∂_θ ∇_ψ L_D, (q, p), with fakes made outside and inside of what is differentiated."""
    theta, psi, real = setting.theta, setting.psi, setting.batch.real

    def gradient(t: Tensor, cut: bool = False) -> Tensor:
        fake = detached(setting.generate(t)) if cut else setting.generate(t)
        return torch.func.grad(
            lambda p: losses.minimax(setting.judge(p, real), setting.judge(p, fake)).discriminator.mean()
        )(psi)

    article = torch.func.jacrev(lambda t: gradient(t, cut=True))(theta)
    exact, numeric = torch.func.jacrev(gradient)(theta), numeric_derivative(gradient, theta)
    jacobian, directions = setting.game.jacobian(setting.batch), torch.eye(len(theta) + len(psi), dtype=theta.dtype)
    right = torch.stack([(jacobian @ e)[len(theta) :] for e in directions[: len(theta)]], 1)
    errors = [relative_error(stated, oracle) for stated in (article, right) for oracle in (exact, numeric)]
    note = f"norm of the block: fakes outside {article.norm():.3f}, inside {exact.norm():.3f}"
    return Figures(*errors, note=note)


def side_effects(setting: Setting) -> Figures:
    """C7: a loss that steps its optimiser gives another value when asked again; a pure one the same, bit for bit."""
    game, batch, start = setting.game, setting.batch, setting.game.point()

    def articles_loss() -> Tensor:
        loss, field = game.losses(batch).generator, game.field(batch)
        game.move_to(game.point() - STEP * torch.cat([field[: game.sizes[0]], 0 * field[game.sizes[0] :]]))
        return loss

    first, second = articles_loss(), articles_loss()
    game.move_to(start)
    asked = [torch.cat([torch.stack(tuple(game.losses(batch))), game.field(batch), game.point()]) for _ in range(2)]
    column, row = batch.real[:, :1], batch.real[:, 0]
    note = f"{tuple(column.shape)} + {tuple(row.shape)} has shape {tuple((column + row).shape)}: refused by losses"
    errors = relative_error(second, first), None, relative_error(asked[1], asked[0]), None
    return Figures(*errors, note=note, claims=_refused(column, row))


def _refused(real_logits: Tensor, fake_logits: Tensor) -> bool:
    """Whether the loss raises InputError instead of broadcasting."""
    try:
        losses.minimax(real_logits, fake_logits)
    except InputError:
        return True
    return False
