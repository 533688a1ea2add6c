"""What penalties are called in measures: distinct, readable names, also for functools.partial and wrappers."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any


def names_of(penalties: Iterable[Callable[..., Any]]) -> list[str]:
    """A name for each penalty, none twice: that of its function, then what tells it from others of that function.

    What a partial was given and another of the same function was not, or was given otherwise, is put into words;
    penalties that words cannot tell apart are numbered, in the mapping's order.

    >>> from nablagan import penalties
    >>> names_of([penalties.r1, partial(penalties.zero_centred, place=penalties.fake)])
    ['r1', 'zero_centred']
    >>> names_of([partial(penalties.zero_centred, place=place) for place in (penalties.real, penalties.fake)])
    ['zero_centred_real', 'zero_centred_fake']
    """
    chosen = list(penalties)
    names = [name_of(penalty) for penalty in chosen]
    told = [_told_apart(penalty, _same_name(name, names, chosen)) for penalty, name in zip(chosen, names, strict=True)]
    return _numbered(["_".join([name, *words]) for name, words in zip(names, told, strict=True)])


def name_of(penalty: Any) -> str:
    """The name of the function: the one inside partials, and inside `lazily` and `on_fraction`."""
    penalty, _ = _opened(penalty)
    return getattr(penalty, "__name__", type(penalty).__name__)


def _opened(penalty: Any) -> tuple[Any, dict[str, Any]]:
    """The function inside, and everything it and its wrappers were given, by name (a position's name is its number)."""
    given: dict[str, Any] = {}
    while isinstance(penalty, partial):
        given |= {str(place): value for place, value in enumerate(penalty.args)} | penalty.keywords
        penalty = given.pop("penalty") if "penalty" in penalty.keywords else penalty.func
    return penalty, given


def _same_name(name: str, names: list[str], penalties: list[Any]) -> list[Mapping[str, Any]]:
    return [_opened(penalty)[1] for other, penalty in zip(names, penalties, strict=True) if other == name]


def _told_apart(penalty: Any, others: list[Mapping[str, Any]]) -> list[str]:
    """Words for what this penalty was given and not all of the others were."""
    _, given = _opened(penalty)
    differing = [key for key in given if not all(key in other and _alike(other[key], given[key]) for other in others)]
    return [word for key in differing for word in _words(given[key])]


def _alike(one: Any, other: Any) -> bool:
    """Whether both are the same object or equal; arrays and tensors, which no word tells apart, only if the same."""
    try:
        return one is other or bool(one == other)
    except (RuntimeError, ValueError):  # of several numbers, compared one by one
        return False


def _words(value: Any) -> list[str]:
    """A function's name and what it was given, a number or word as it is; nothing for other values."""
    if isinstance(value, (bool, int, float, str)):
        return [str(value)]
    if not callable(value):
        return []
    function, given = _opened(value)
    name = getattr(function, "__name__", type(function).__name__).strip("_")
    parts = [] if "<" in name else [name]
    return parts + [word for part in given.values() for word in _words(part)]


def _numbered(names: list[str]) -> list[str]:
    """The names with _2, _3, ... appended where one was there before."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in found:
            candidate, number = f"{name}_{number}", number + 1
        found.append(candidate)
    return found
