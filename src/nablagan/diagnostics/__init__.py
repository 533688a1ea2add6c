"""What the game is doing, on one batch and without moving it: spectrum, rotation, update audit, path, duality gap."""

from nablagan.diagnostics.audit import PlayerAudit, UpdateAudit, update_audit
from nablagan.diagnostics.gap import DualityGap, duality_gap
from nablagan.diagnostics.operators import Operator, linear_operator, step_operator
from nablagan.diagnostics.path import Path, along_path, path_angle, path_norm
from nablagan.diagnostics.spectrum import Spectrum, eigenvalues, largest_stable_step, step_eigenvalues
from nablagan.diagnostics.symmetry import Rotation, antisymmetric_product, rotation, symmetric_product

__all__ = [
    "DualityGap",
    "Operator",
    "Path",
    "PlayerAudit",
    "Rotation",
    "Spectrum",
    "UpdateAudit",
    "along_path",
    "antisymmetric_product",
    "duality_gap",
    "eigenvalues",
    "largest_stable_step",
    "linear_operator",
    "path_angle",
    "path_norm",
    "rotation",
    "step_eigenvalues",
    "step_operator",
    "symmetric_product",
    "update_audit",
]
