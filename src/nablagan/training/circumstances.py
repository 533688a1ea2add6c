"""What the doctor is told about a run, beside what is measured."""

import math

from nablagan.diagnostics.doctor import Circumstances
from nablagan.optim import Balanced
from nablagan.penalties import name_of
from nablagan.training.run import Run

GAMMA_AT_32, GAMMA_OF_POINTS = 1.0, 0.1
RATES = {"r3gan": 2e-4, "points": 1e-3, "strided": 2e-3, "dcgan": 2e-4, "hinge_spectral": 2e-4, "wgan_gp": 1e-4}
"""Learning rates that the recipes begin with."""
GRADIENT_PENALTIES = ("r1", "r2", "zero_centred", "one_centred", "wgan_gp", "dragan")


def usual_gamma(shape: tuple[int, ...]) -> float:
    """A weight of R1 + R2 that suits most data: it grows with the number of pixels (StyleGAN2-ADA's rule)."""
    return GAMMA_OF_POINTS if len(shape) == 1 else GAMMA_AT_32 * math.prod(shape[1:]) / 32**2


def circumstances(run: Run, shape: tuple[int, ...], count: int) -> Circumstances:
    """Of a run on `count` samples of this shape."""
    chosen = [s for s in run.penalties if name_of(s.penalty) in GRADIENT_PENALTIES]
    gamma = max((settings.weight.start for settings in chosen), default=0.0)
    return Circumstances(
        loss=name_of(run.loss),
        gamma=gamma or None,
        gamma_follows=any(isinstance(s.weight, Balanced) for s in chosen),
        recommended_gamma=usual_gamma(shape),
        recommended_rate=RATES.get(run.recipe, RATES["strided"]),
        generator_learning_rate=run.generator_adam.learning_rate(0),
        discriminator_learning_rate=run.discriminator_adam.learning_rate(0),
        augmented=bool(run.augmentations),
        samples=count - run.holdout,
        heldout=run.holdout,
    )
