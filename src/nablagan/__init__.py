"""nablagan: generative adversarial networks, and what their two-player game is doing, on PyTorch.

`import nablagan as ng` is quick: torch is imported with the first name that is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nablagan import (
        closed_form,
        data,
        diagnostics,
        interface,
        latent,
        losses,
        metrics,
        optim,
        penalties,
        players,
        recipes,
        tasks,
        training,
    )
    from nablagan.checking import DerivativeCheck, derivative_check
    from nablagan.game import Game, Jacobian
    from nablagan.interface import AdversarialTerm
    from nablagan.loading import load
    from nablagan.types import Batch, InputError, Outcome, Pair, PlayerLosses

__all__ = [
    "AdversarialTerm",
    "Batch",
    "DerivativeCheck",
    "Game",
    "InputError",
    "Jacobian",
    "Outcome",
    "Pair",
    "PlayerLosses",
    "closed_form",
    "data",
    "derivative_check",
    "diagnostics",
    "interface",
    "latent",
    "load",
    "losses",
    "metrics",
    "optim",
    "penalties",
    "players",
    "recipes",
    "tasks",
    "training",
]
_HOMES = {
    "AdversarialTerm": "interface",
    "Batch": "types",
    "DerivativeCheck": "checking",
    "Game": "game",
    "InputError": "types",
    "Jacobian": "game",
    "Outcome": "types",
    "Pair": "types",
    "PlayerLosses": "types",
    "derivative_check": "checking",
    "load": "loading",
}


def __getattr__(name: str) -> Any:
    """The public name, imported now."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("nablagan")
    if name not in __all__:
        raise AttributeError(f"module 'nablagan' has no attribute '{name}'")
    module = importlib.import_module(f"nablagan.{_HOMES.get(name, name)}")
    return getattr(module, name) if name in _HOMES else module


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
