"""What the game is doing, on one batch and without moving it: spectrum, rotation, update audit, path, duality gap."""

from nablagan.diagnostics.audit import PlayerAudit, UpdateAudit, update_audit
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
from nablagan.diagnostics.operators import Operator, linear_operator, step_operator
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
from nablagan.diagnostics.spectrum import Spectrum, eigenvalues, largest_stable_step, step_eigenvalues
from nablagan.diagnostics.symmetry import Rotation, antisymmetric_product, rotation, symmetric_product

__all__ = [
    "DualityGap",
    "FieldNorms",
    "GradientParts",
    "LossPlane",
    "LossSlice",
    "NoiseScale",
    "Operator",
    "Path",
    "PlayerAudit",
    "PlayerCosines",
    "PlayerNoise",
    "PlayerSlice",
    "Rotation",
    "Spectrum",
    "UpdateAudit",
    "along_path",
    "antisymmetric_product",
    "cosine",
    "duality_gap",
    "eigenvalues",
    "embedded",
    "field_norms",
    "filter_normalised_direction",
    "gradient_parts",
    "largest_stable_step",
    "linear_operator",
    "loss_cosine",
    "loss_plane",
    "loss_slice",
    "noise_scale",
    "path_angle",
    "path_norm",
    "rotation",
    "step_eigenvalues",
    "step_operator",
    "sub_batches",
    "successive_cosine",
    "symmetric_product",
    "update_audit",
    "update_cosine",
]
