"""The audit of the founding article: its formulas and its code, measured in float64 beside the right ones."""

from nablagan.verification.audit import Finding, audit
from nablagan.verification.statements import STATEMENTS, Statement

__all__ = ["STATEMENTS", "Finding", "Statement", "audit"]
