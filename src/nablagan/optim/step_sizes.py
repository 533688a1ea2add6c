"""The effective rate of every parameter now: what turns a gradient into an optimiser's step."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from nablagan.game import Game
from nablagan.optim.updates import check_optimizer
from nablagan.pure import trainable
from nablagan.types import InputError


def step_sizes(game: Game, generator_optimizer: Optimizer, discriminator_optimizer: Optimizer) -> Tensor:
    """The diagonal P of a step -P g of both optimisers, (n,), like `game.point()`.

    SGD: lr. Adam and AdamW (Kingma and Ba 2015, algorithm 1): lr / (sqrt(v / (1 - beta2^t)) + eps), v and t as they are
    now, so that straight after a step with beta1 = 0 that step was exactly -P g. What is held fixed is v: a step also
    takes its own gradient into it, which P as a constant leaves out. With beta1 > 0, or momentum in SGD, P says what
    the present gradient comes to over Adam's steps of a steady one (of SGD's: 1 - momentum of it), not how earlier ones
    still act. Decoupled weight decay is no part of P. Raises InputError for another optimiser, for one that maximises,
    and for Adam before its first step, when v is unknown.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=1.0, b=1.0, c=0.0)
    >>> step_sizes(game, *(torch.optim.SGD(player.parameters(), lr=rate) for player, rate in zip(game.players, (1, 2))))
    tensor([1., 2.], dtype=torch.float64)
    """
    rates = []
    for name, player, optimizer in zip(
        ("generator", "discriminator"), game.players, (generator_optimizer, discriminator_optimizer), strict=True
    ):
        check_optimizer(optimizer, player, name)
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        rates += [_rates(optimizer, groups[id(p)], p, name).flatten() for p in trainable(player).values()]
    return torch.cat(rates)


def _rates(optimizer: Optimizer, group: dict[str, Any], parameter: Tensor, name: str) -> Tensor:
    """Shaped like the parameter."""
    if not isinstance(optimizer, (SGD, Adam, AdamW)):
        raise InputError(f"the step sizes of {type(optimizer).__name__} are not known: use SGD, Adam or AdamW")
    if group.get("maximize"):
        raise InputError(f"the {name}'s optimiser maximises: players descend, give it maximize=False")
    one = torch.ones_like(parameter, requires_grad=False)
    if isinstance(optimizer, SGD):
        return one * float(group["lr"])
    state = optimizer.state.get(parameter, {})
    if "exp_avg_sq" not in state:
        raise InputError(f"the {name}'s Adam has made no step yet: its step sizes are known after the first")
    square = state["max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"]
    correction = 1 - float(group["betas"][1]) ** float(state["step"])
    return one * float(group["lr"]) / ((square / correction).sqrt() + float(group["eps"]))
