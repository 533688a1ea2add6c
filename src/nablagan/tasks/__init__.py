"""Tasks: functions that return a Game."""

from nablagan.tasks import toys
from nablagan.tasks.adversarial_flow import adversarial_flow, directional_scores, integrated
from nablagan.tasks.generation import generation

__all__ = ["adversarial_flow", "directional_scores", "generation", "integrated", "toys"]
