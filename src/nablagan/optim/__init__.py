"""Updates over any torch.optim optimiser, and schedules."""

from nablagan.optim.schedules import Cosine, constant
from nablagan.optim.updates import Alternating, Simultaneous, Step, Update

__all__ = ["Alternating", "Cosine", "Simultaneous", "Step", "Update", "constant"]
