"""Figures of merit of generated samples: networks that give images features, and functions of feature arrays."""

from nablagan.metrics.arrays import Array
from nablagan.metrics.classes import Modes, inception_score, modes, stacked
from nablagan.metrics.diversity import vendi_score
from nablagan.metrics.extractors import open_extractor
from nablagan.metrics.extractors.stages import efficientnet_distance, efficientnet_stages
from nablagan.metrics.extractors.vgg import lpips_stages, vgg_stages
from nablagan.metrics.features import Extractor, deviation, features_of, probabilities_of
from nablagan.metrics.frechet import frechet_distance, frechet_distance_at_infinity, frechet_distance_of_moments
from nablagan.metrics.intervals import Estimate
from nablagan.metrics.kernel import Kernel, gaussian, kernel_distance, polynomial
from nablagan.metrics.measure import Settings, measure
from nablagan.metrics.memorisation import Memorisation, flattened, memorisation, nearest_distances
from nablagan.metrics.moments import Moments
from nablagan.metrics.neighbours import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from nablagan.metrics.paired_kernel import paired_kernel_distance
from nablagan.metrics.pairs import l1, psnr, ssim
from nablagan.metrics.perceptual import StageFeatures, perceptual_distance, perceptual_distances
from nablagan.metrics.sliced import sliced_wasserstein

__all__ = [
    "Array",
    "DensityCoverage",
    "Estimate",
    "Extractor",
    "Kernel",
    "Memorisation",
    "Modes",
    "Moments",
    "PrecisionRecall",
    "Settings",
    "StageFeatures",
    "density_coverage",
    "deviation",
    "efficientnet_distance",
    "efficientnet_stages",
    "features_of",
    "flattened",
    "frechet_distance",
    "frechet_distance_at_infinity",
    "frechet_distance_of_moments",
    "gaussian",
    "inception_score",
    "kernel_distance",
    "l1",
    "lpips_stages",
    "measure",
    "memorisation",
    "modes",
    "nearest_distances",
    "open_extractor",
    "paired_kernel_distance",
    "perceptual_distance",
    "perceptual_distances",
    "polynomial",
    "precision_recall",
    "probabilities_of",
    "psnr",
    "sliced_wasserstein",
    "ssim",
    "stacked",
    "vendi_score",
    "vgg_stages",
]
