"""Data sets, their audit, augmentation, and pictures of samples."""

from nablagan.data import masks
from nablagan.data.auditing import audit, contact_sheet
from nablagan.data.augment import DRAWS, diffaugment
from nablagan.data.dataset import Dataset, to_tensor
from nablagan.data.ellipses import Factors, measured_factors, shapes
from nablagan.data.paired_augment import PAIRED_DRAWS, PAIRED_KINDS, Together, paired_augment
from nablagan.data.pairs import open_masked, open_pairs, reversed_pairs
from nablagan.data.pictures import picture_grid, scatter_picture, to_uint8
from nablagan.data.source import open_dataset

__all__ = [
    "DRAWS",
    "PAIRED_DRAWS",
    "PAIRED_KINDS",
    "Dataset",
    "Factors",
    "Together",
    "audit",
    "contact_sheet",
    "diffaugment",
    "masks",
    "measured_factors",
    "open_dataset",
    "open_masked",
    "open_pairs",
    "paired_augment",
    "picture_grid",
    "reversed_pairs",
    "scatter_picture",
    "shapes",
    "to_tensor",
    "to_uint8",
]
