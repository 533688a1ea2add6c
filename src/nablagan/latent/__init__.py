"""What a generator does along directions of its latent space: its Jacobian, editing, and methods to compare with."""

from nablagan.latent.editing import edit, random_directions, strip
from nablagan.latent.layers import LayerDirections, principal_directions, weight_directions
from nablagan.latent.path import PathLength, great_circle, path_length, squared_euclidean, straight_line
from nablagan.latent.products import derivative_image, latent_gradient
from nablagan.latent.sensitivity import (
    Leading,
    Sensitivity,
    condition,
    condition_number,
    leading_directions,
    sensitive_directions,
)

__all__ = [
    "LayerDirections",
    "Leading",
    "PathLength",
    "Sensitivity",
    "condition",
    "condition_number",
    "derivative_image",
    "edit",
    "great_circle",
    "latent_gradient",
    "leading_directions",
    "path_length",
    "principal_directions",
    "random_directions",
    "sensitive_directions",
    "squared_euclidean",
    "straight_line",
    "strip",
    "weight_directions",
]
