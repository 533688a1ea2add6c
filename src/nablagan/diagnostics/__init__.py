"""What the game is doing, on one batch and without moving it.

Spectrum, rotation, update audit, path, duality gap; norms, cosines, parts and noise of gradients; slices of losses.
"""

from nablagan.diagnostics.audit import PlayerAudit, UpdateAudit, update_audit
from nablagan.diagnostics.effects import PlayerEffects, UpdateEffects, update_effects
from nablagan.diagnostics.evaluating import embedded
from nablagan.diagnostics.gap import DualityGap, duality_gap
from nablagan.diagnostics.gradients import (
    FieldNorms,
    PlayerCosines,
    cosine,
    field_norms,
    loss_cosine,
    successive_cosine,
    update_cosine,
)
from nablagan.diagnostics.noise import NoiseScale, PlayerNoise, noise_scale, sub_batches
from nablagan.diagnostics.operators import (
    Operator,
    alternating_operator,
    displacement,
    linear_operator,
    step_operator,
)
from nablagan.diagnostics.overlap import logit_drift, overfitting, separability, sign_rate
from nablagan.diagnostics.parts import GradientParts, gradient_parts
from nablagan.diagnostics.path import Path, along_path, path_angle, path_norm
from nablagan.diagnostics.slices import (
    LossPlane,
    LossSlice,
    PlayerSlice,
    filter_normalised_direction,
    loss_plane,
    loss_slice,
)
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
    "FieldNorms",
    "GradientParts",
    "LossPlane",
    "LossSlice",
    "NoiseScale",
    "Operator",
    "Path",
    "PlayerAudit",
    "PlayerCosines",
    "PlayerEffects",
    "PlayerNoise",
    "PlayerSlice",
    "Rotation",
    "Spectrum",
    "UpdateAudit",
    "UpdateEffects",
    "along_path",
    "alternating_eigenvalues",
    "alternating_operator",
    "antisymmetric_product",
    "cosine",
    "displacement",
    "duality_gap",
    "eigenvalues",
    "embedded",
    "field_norms",
    "filter_normalised_direction",
    "gradient_parts",
    "largest_stable_step",
    "linear_operator",
    "logit_drift",
    "loss_cosine",
    "loss_plane",
    "loss_slice",
    "noise_scale",
    "operator_eigenvalues",
    "overfitting",
    "path_angle",
    "path_norm",
    "rotation",
    "separability",
    "sign_rate",
    "step_eigenvalues",
    "step_operator",
    "sub_batches",
    "successive_cosine",
    "symmetric_product",
    "update_audit",
    "update_cosine",
    "update_effects",
    "vital_signs",
]
