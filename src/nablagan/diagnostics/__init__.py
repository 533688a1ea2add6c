"""What the game is doing, on one batch and without moving it: spectrum, rotation, update audit, path, duality gap."""

from nablagan.diagnostics.audit import PlayerAudit, UpdateAudit, update_audit
from nablagan.diagnostics.effects import PlayerEffects, UpdateEffects, update_effects
from nablagan.diagnostics.gap import DualityGap, duality_gap
from nablagan.diagnostics.operators import (
    Operator,
    alternating_operator,
    displacement,
    linear_operator,
    step_operator,
)
from nablagan.diagnostics.overlap import logit_drift, overfitting, separability, sign_rate
from nablagan.diagnostics.path import Path, along_path, path_angle, path_norm
from nablagan.diagnostics.spectrum import (
    Spectrum,
    alternating_eigenvalues,
    eigenvalues,
    largest_stable_step,
    operator_eigenvalues,
    step_eigenvalues,
)
from nablagan.diagnostics.symmetry import Rotation, antisymmetric_product, rotation, symmetric_product
from nablagan.diagnostics.vitals import Exam, vital_signs

__all__ = [
    "DualityGap",
    "Exam",
    "Operator",
    "Path",
    "PlayerAudit",
    "PlayerEffects",
    "Rotation",
    "Spectrum",
    "UpdateAudit",
    "UpdateEffects",
    "along_path",
    "alternating_eigenvalues",
    "alternating_operator",
    "antisymmetric_product",
    "displacement",
    "duality_gap",
    "eigenvalues",
    "largest_stable_step",
    "linear_operator",
    "logit_drift",
    "operator_eigenvalues",
    "overfitting",
    "path_angle",
    "path_norm",
    "rotation",
    "separability",
    "sign_rate",
    "step_eigenvalues",
    "step_operator",
    "symmetric_product",
    "update_audit",
    "update_effects",
    "vital_signs",
]
