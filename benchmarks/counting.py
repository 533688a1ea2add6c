"""What an update costs: the gradients and Jacobian products that games are asked for, counted as they are called."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any
from unittest import mock

from nablagan.game import Game, Jacobian

PRODUCT = 5
"""Units of one product with J or its transpose: 2.5 evaluations of the field of 2 units each."""


@dataclass
class Count:
    """Gradients of one player (a field is two of them), and products with J or its transpose."""

    gradients: int = 0
    products: int = 0

    @property
    def units(self) -> int:
        """One a gradient of one player, PRODUCT a product."""
        return self.gradients + PRODUCT * self.products


@contextmanager
def counting() -> Iterator[Count]:
    """A count that grows with every gradient and product that any game makes inside; not for two threads at once."""
    count = Count()

    def watched(function: Callable[..., Any], gradients: int = 0, products: int = 0) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            count.gradients += gradients
            count.products += products
            return function(*arguments, **options)

        return call

    assert isinstance(Jacobian.field, property)
    assert Jacobian.field.fget is not None
    patches = [
        (Game, "generator_gradient", watched(Game.generator_gradient, gradients=1)),
        (Game, "discriminator_gradient", watched(Game.discriminator_gradient, gradients=1)),
        (Game, "field", watched(Game.field, gradients=2)),
        (Game, "_losses", watched(Game._losses, gradients=2)),  # Unrolled: grad L_G in both players' parameters
        (Jacobian, "field", property(watched(Jacobian.field.fget, gradients=2))),
        (Jacobian, "__matmul__", watched(Jacobian.__matmul__, products=1)),
    ]
    with ExitStack() as stack:
        for kind, name, replacement in patches:
            stack.enter_context(mock.patch.object(kind, name, replacement))
        yield count
