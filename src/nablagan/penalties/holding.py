"""What a penalty holds constant in a live step: kept at one point, and given back at another by a numerical check.

The aligned methods differentiate with the direction held still. A difference of two values agrees with that derivative
only if both values have the same direction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_GIVEN: ContextVar[Iterator[Tensor] | None] = ContextVar("given", default=None)
_KEPT: ContextVar[list[Tensor] | None] = ContextVar("kept", default=None)


def constant(tensor: Tensor) -> Tensor:
    """The tensor that is held constant here: this one, or within `given` the one that was kept in its place."""
    given, kept = _GIVEN.get(), _KEPT.get()
    if given is not None:
        return next(given)
    if kept is not None:
        kept.append(tensor)
    return tensor


@contextmanager
def keeping() -> Iterator[list[Tensor]]:
    """Within it what is held constant is put into the list, in order of use."""
    kept: list[Tensor] = []
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


@contextmanager
def given(kept: list[Tensor]) -> Iterator[None]:
    """Within it the constants are those kept before: one evaluation of the same function, in the same order."""
    token = _GIVEN.set(iter(kept))
    try:
        yield
    finally:
        _GIVEN.reset(token)
