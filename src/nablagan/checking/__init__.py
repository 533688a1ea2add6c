"""A numerical check of the gradients that a training uses."""

from nablagan.checking.check import Comparison, DerivativeCheck, derivative_check

__all__ = ["Comparison", "DerivativeCheck", "derivative_check"]
