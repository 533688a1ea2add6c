"""Listens to a training's events and says what is wrong with it, with evidence, and what has passed."""

import math
from collections.abc import Mapping
from typing import Any

from nablagan.diagnostics.doctor.findings import UNKNOWN, Circumstances, Finding, Sign
from nablagan.diagnostics.doctor.history import History
from nablagan.diagnostics.doctor.rules import RULES, Rule

RAISE_AFTER, CLEAR_AFTER = 3, 4
"""Probes in a row at which a rule must see its disease, or not see it, before the doctor says so."""
CLEAR_BELOW = 0.7
"""Strength below which a disease has passed; between this and 1 nothing changes."""


class Doctor:
    """What a training suffers from, by the events that it has heard: a function of them alone, so nothing is saved.

    After a resume or rollback a new doctor that hears the events left in events.jsonl is in the same state.
    """

    def __init__(self, circumstances: Circumstances = UNKNOWN, rules: tuple[Rule, ...] = RULES) -> None:
        self.circumstances, self.rules = circumstances, rules
        self.history = History()
        self.ill: dict[str, Finding] = {}
        """The findings that stand, by disease."""
        self._seen: dict[str, int] = {}
        self._unseen: dict[str, int] = {}

    def hear(self, event: Mapping[str, Any]) -> list[Finding]:
        """Take an event as events.jsonl holds it; findings that begin or end with it (after a probe only)."""
        if event["kind"] not in ("tick", "probe"):
            return []
        self.history.add(event["images_seen"], event["measures"])
        if event["kind"] == "tick":
            return []
        return [found for rule in self.rules if (found := self._judge(rule)) is not None]

    def _judge(self, rule: Rule) -> Finding | None:
        sign = rule.sign(self.history, self.circumstances)
        strength = 0.0 if sign is None else sign.strength
        name = rule.disease
        self._seen[name] = self._seen.get(name, 0) + 1 if strength >= 1 else 0
        self._unseen[name] = self._unseen.get(name, 0) + 1 if strength < CLEAR_BELOW else 0
        if name not in self.ill and sign is not None and self._seen[name] >= rule.patience:
            self.ill[name] = self._finding(rule, sign)
            return self.ill[name]
        if name in self.ill and self._unseen[name] >= CLEAR_AFTER:
            return self.ill.pop(name)._replace(status="cleared")
        return None

    def _finding(self, rule: Rule, sign: Sign) -> Finding:
        return Finding(
            rule.disease,
            "raised",
            rule.title,
            round(confidence(sign.strength), 2),
            sign.evidence,
            rule.advice(self.history, self.circumstances),
        )


def confidence(strength: float) -> float:
    """From 0.5 at the threshold towards 1 far beyond it: 1 - 1/(1 + strength).

    >>> confidence(1.0), confidence(3.0)
    (0.5, 0.75)
    """
    return 1.0 if math.isinf(strength) else strength / (1 + strength)
