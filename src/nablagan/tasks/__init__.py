"""Tasks: functions that return a Game."""

from nablagan.tasks import toys
from nablagan.tasks.generation import generation

__all__ = ["generation", "toys"]
