"""Runs the checks and says which corrected statements hold."""

from typing import NamedTuple

from nablagan.verification.setting import make_setting
from nablagan.verification.statements import STATEMENTS, Statement

AUTOGRAD_TOLERANCE = 1e-10
DIFFERENCES_TOLERANCE = 1e-7
"""Central differences with step 1e-5 in float64 reach about 1e-9."""


class Finding(NamedTuple):
    """A statement, what was measured of it, and whether the correction holds. None: nothing to measure."""

    name: str
    article: str
    right: str
    measure: str
    article_error: float | None
    article_error_by_differences: float | None
    right_error: float | None
    right_error_by_differences: float | None
    note: str
    holds: bool


def audit(seed: int = 0) -> list[Finding]:
    """A finding for each statement of the article, measured in float64 at the point and batch that `seed` gives.

    >>> [finding.name for finding in audit() if not finding.holds]
    []
    """
    return [_finding(statement, seed) for statement in STATEMENTS]


def _finding(statement: Statement, seed: int) -> Finding:
    name, article, right, check, measure = statement
    found = check(make_setting(seed))
    close = _within(found.right, AUTOGRAD_TOLERANCE) and _within(found.right_differences, DIFFERENCES_TOLERANCE)
    errors = found.article, found.article_differences, found.right, found.right_differences
    return Finding(name, article, right, measure, *errors, note=found.note, holds=close and found.claims)


def _within(error: float | None, tolerance: float) -> bool:
    """Whether it was measured small, or there is nothing to measure; not so for NaN."""
    return error is None or error <= tolerance
