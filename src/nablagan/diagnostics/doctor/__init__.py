"""The doctor: rules that read a training's ticks and probes, and say what is wrong, how sure, and what to change."""

from nablagan.diagnostics.doctor.doctor import Doctor
from nablagan.diagnostics.doctor.findings import Advice, Circumstances, Evidence, Finding, Sign
from nablagan.diagnostics.doctor.history import History
from nablagan.diagnostics.doctor.rules import RULES, Rule

__all__ = ["RULES", "Advice", "Circumstances", "Doctor", "Evidence", "Finding", "History", "Rule", "Sign"]
