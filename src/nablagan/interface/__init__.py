"""Where somebody else's model meets a discriminator: an adversarial term, and how strongly its gradient is felt."""

from nablagan.interface.adaptive import adaptive_weight
from nablagan.interface.normalisation import GradientNormalisation
from nablagan.interface.term import AdversarialTerm

__all__ = ["AdversarialTerm", "GradientNormalisation", "adaptive_weight"]
