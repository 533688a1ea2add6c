"""What benchmarks/optimisers.py compares: every update with its base optimiser, its rates and what a step costs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from nablagan import optim
from nablagan.game import Game
from nablagan.optim import Update

ADAM = (1e-2, 3e-3)
SGD = (0.1, 0.03)
RATES = 2
"""Each rate gets the whole budget: after a quarter of it the best rate was another one."""
SOLVER = {"tolerance": 1e-2, "iterations": 3}
"""Of conjugate gradients: 1e-6 and 20 by default, which would leave a few steps of the budget."""


class Method(NamedTuple):
    """An update, its base optimiser, and what a step costs."""

    update: type[Update]
    gradients: int = 2
    products: int = 0
    products_an_iteration: int = 0
    adam: bool = True
    """Adam (0, .99) or plain SGD."""
    rates: tuple[float, ...] = ADAM
    options: Mapping[str, Any] = {}


METHODS = {
    "Alternating": Method(optim.Alternating),
    "Alternating-SGD": Method(optim.Alternating, adam=False, rates=SGD),
    "CriticFirst": Method(optim.CriticFirst, gradients=5, options={"steps": 4}),  # each on a quarter of the batch
    "Simultaneous": Method(optim.Simultaneous),
    "Extragradient": Method(optim.Extragradient, gradients=4),
    "PastExtragradient": Method(optim.PastExtragradient),
    "Optimistic": Method(optim.Optimistic),
    "Lookahead": Method(optim.Lookahead),
    "NegativeMomentum": Method(optim.NegativeMomentum),
    "SimultaneousNegativeMomentum": Method(optim.SimultaneousNegativeMomentum),
    "Consensus": Method(optim.Consensus, gradients=4, products=1),
    "SymplecticAdjustment": Method(optim.SymplecticAdjustment, gradients=4, products=2),
    "Lead": Method(optim.Lead, products=2),
    "Unrolled": Method(optim.Unrolled, gradients=12, products=3),
    "RungeKutta2": Method(optim.RungeKutta2, gradients=4, adam=False, rates=SGD),
    "RungeKutta4": Method(optim.RungeKutta4, gradients=8, adam=False, rates=SGD),
    "RungeKutta4-ODE-GAN": Method(
        optim.RungeKutta4, gradients=8, products=1, adam=False, rates=SGD, options={"penalty": 0.02}
    ),
    "CompetitiveGradientDescent": Method(optim.CompetitiveGradientDescent, 4, 4, 4, False, SGD, SOLVER),
    "AdaptiveCompetitiveGradientDescent": Method(
        optim.AdaptiveCompetitiveGradientDescent, 2, 2, 4, False, ADAM, SOLVER
    ),
    "FollowTheRidge": Method(optim.FollowTheRidge, 4, 2, 2, False, SGD, SOLVER),
}
"""name -> method; every update of tests/cases.py. SGD where the step itself is the method, Alternating's to compare."""


def update_of(method: Method, game: Game, rate: float) -> Update:
    """The method's update of a game."""
    theta, psi = (optimizer(list(player.parameters()), method.adam, rate) for player in game.players)
    return method.update(game, theta, psi, **method.options)


def optimizer(parameters: list[torch.nn.Parameter], adam: bool, rate: float) -> torch.optim.Optimizer:
    """Adam without first moment, as in the recipes, or plain gradient descent."""
    if adam:
        return torch.optim.Adam(parameters, rate, (0.0, 0.99), fused=True)
    return torch.optim.SGD(parameters, rate)
