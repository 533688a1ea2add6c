"""A run's checkpoints examined after the fact: spectrum, audit, path, duality gap, and a verdict in plain words."""

from nablagan.diagnosis.examining import examination
from nablagan.diagnosis.figures import Figures
from nablagan.diagnosis.running import diagnose
from nablagan.diagnosis.verdict import Verdict, verdict

__all__ = ["Figures", "Verdict", "diagnose", "examination", "verdict"]
