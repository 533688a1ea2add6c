"""One change for each disease, from what the training's circumstances are."""

from nablagan.diagnostics.doctor.findings import Advice, Circumstances
from nablagan.diagnostics.doctor.history import History

APART = 5.0
"""Learning rates that differ by more, from each other or from the recipe's, are looked at first."""
FEW = 2_000
"""Samples below which augmentation helps more than penalties."""


def more_penalty(history: History, circumstances: Circumstances) -> Advice:
    """Add gradient penalties, or raise their weight."""
    gamma, usual = circumstances.gamma, circumstances.recommended_gamma
    if gamma is None:
        words = "add the gradient penalties R1 and R2: they damp rotation and keep the discriminator's slope finite"
        return _gamma(words, usual)
    if circumstances.gamma_follows or gamma > 10 * usual:
        return shorter_steps(history, circumstances)
    return _gamma("raise the weight of the gradient penalties", usual if gamma < usual / 2 else 5 * gamma)


def against_collapse(history: History, circumstances: Circumstances) -> Advice:
    """Add penalties where there are none; else let the discriminator learn faster than the generator."""
    slow, fast = circumstances.generator_learning_rate, circumstances.discriminator_learning_rate
    if circumstances.gamma is None or circumstances.gamma < circumstances.recommended_gamma / 10 or fast > 2 * slow:
        return more_penalty(history, circumstances)
    words = "let the discriminator learn faster than the generator, so that it sees what is missing"
    return Advice(words, ("--discriminator-learning-rate", f"{4 * slow:.2g}"))


def less_penalty(history: History, circumstances: Circumstances) -> Advice:
    """Lower the weight of the gradient penalties."""
    gamma, usual = circumstances.gamma, circumstances.recommended_gamma
    if gamma is None:
        return shorter_steps(history, circumstances)
    return _gamma("lower the weight of the gradient penalties", usual if gamma > 2 * usual else gamma / 5)


def shorter_steps(history: History, circumstances: Circumstances) -> Advice:
    """Lower the learning rates: the faster player's to the other's, or both to the recipe's, or to a third."""
    slow, fast = _rates(circumstances)
    usual = circumstances.recommended_rate
    if fast > APART * slow:
        return _rate("let both players learn at the slower one's rate", min(slow, usual))
    return _rate("shorten the steps of both players", usual if fast > 2 * usual else fast / 3)


def _rates(circumstances: Circumstances) -> list[float]:
    """Both players' learning rates, the lower first."""
    return sorted((circumstances.generator_learning_rate, circumstances.discriminator_learning_rate))


def _are_wild(circumstances: Circumstances) -> bool:
    slow, fast = _rates(circumstances)
    return fast > APART * slow or fast > APART * circumstances.recommended_rate


def slower_or_livelier(history: History, circumstances: Circumstances) -> Advice:
    """Learning rates first where they are far apart or far above the recipe's, else a loss that is not flat."""
    return (shorter_steps if _are_wild(circumstances) else livelier_loss)(history, circumstances)


def hold_back(history: History, circumstances: Circumstances) -> Advice:
    """Against a discriminator that wins: learning rates, augmentation of few samples, or penalties."""
    if _are_wild(circumstances):
        return shorter_steps(history, circumstances)
    if circumstances.samples < FEW:
        return augmentation(history, circumstances)
    return more_penalty(history, circumstances)


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
