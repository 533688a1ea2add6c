"""Tasks: functions that return a Game."""

from nablagan.tasks import toys
from nablagan.tasks.adversarial_flow import adversarial_flow, directional_scores, integrated
from nablagan.tasks.completion import completion, with_hole
from nablagan.tasks.contrastive import contrastive
from nablagan.tasks.generation import generation
from nablagan.tasks.translation import translation
from nablagan.tasks.two_ways import two_ways

__all__ = [
    "adversarial_flow",
    "completion",
    "contrastive",
    "directional_scores",
    "generation",
    "integrated",
    "toys",
    "translation",
    "two_ways",
    "with_hole",
]
