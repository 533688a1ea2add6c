"""One change for each disease, from what the training's circumstances are."""

from nablagan.diagnostics.doctor.findings import Advice, Circumstances
from nablagan.diagnostics.doctor.history import History

RECIPES_RATE = 2e-3
"""The longest step that the recipes take; faster training is tried at the reader's own risk."""


def more_penalty(history: History, circumstances: Circumstances) -> Advice:
    """Add gradient penalties, or raise their weight."""
    gamma, usual = circumstances.gamma, circumstances.recommended_gamma
    if gamma is None:
        words = "add the gradient penalties R1 and R2: they damp rotation and keep the discriminator's slope finite"
        return _gamma(words, usual)
    if circumstances.gamma_follows:
        return shorter_steps(history, circumstances)
    return _gamma("raise the weight of the gradient penalties", usual if gamma < usual / 2 else 5 * gamma)


def less_penalty(history: History, circumstances: Circumstances) -> Advice:
    """Lower the weight of the gradient penalties."""
    gamma, usual = circumstances.gamma, circumstances.recommended_gamma
    if gamma is None:
        return shorter_steps(history, circumstances)
    return _gamma("lower the weight of the gradient penalties", usual if gamma > 2 * usual else gamma / 5)


def shorter_steps(history: History, circumstances: Circumstances) -> Advice:
    """Lower the learning rates: both to the recipe's, or the faster player's to the other's, or to a third."""
    rates = circumstances.generator_learning_rate, circumstances.discriminator_learning_rate
    slow, fast = sorted(rates)
    if fast > 2 * slow:
        return _rate("let both players learn at the slower one's rate", slow)
    return _rate("shorten the steps of both players", RECIPES_RATE if fast > 2 * RECIPES_RATE else fast / 3)


def livelier_loss(history: History, circumstances: Circumstances) -> Advice:
    """A loss whose gradient does not vanish where the discriminator is sure."""
    if circumstances.loss != "relativistic":
        words = "use the relativistic loss: its generator keeps a gradient where the discriminator is sure"
        return Advice(words, ("--loss", "relativistic"))
    return more_penalty(history, circumstances)


def augmentation(history: History, circumstances: Circumstances) -> Advice:
    """Augment what the discriminator sees."""
    if circumstances.augmented:
        return more_penalty(history, circumstances)
    words = "augment what the discriminator sees, so that it cannot learn samples by heart"
    return Advice(words, ("--augment", "color,translation,cutout", "--augment-probability", "0.5"))


def _gamma(words: str, gamma: float) -> Advice:
    return Advice(words, ("--gamma", f"{gamma:.3g}"))


def _rate(words: str, rate: float) -> Advice:
    return Advice(words, ("--learning-rate", f"{rate:.2g}", "--discriminator-learning-rate", f"{rate:.2g}"))
