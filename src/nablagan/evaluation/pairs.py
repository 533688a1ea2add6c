"""Outputs against the true images that belong to them: figures of each pair, and the kernel distance of both sets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nablagan.evaluation.names import LESS, MORE
from nablagan.evaluation.records import versions
from nablagan.metrics.features import Extractor, deviation, features_of
from nablagan.metrics.intervals import Estimate, deviation_of_mean, from_deviation
from nablagan.metrics.paired_kernel import paired_kernel_estimate
from nablagan.metrics.pairs import WINDOW, l1, psnr, ssim
from nablagan.metrics.perceptual import StageFeatures, perceptual_distances
from nablagan.types import InputError

KIND = "nablagan pair evaluation"
FORMAT = 1
SQUARED = "squared_difference"
"""Kept for each pair instead of its PSNR, which is infinite where a hole is filled exactly."""
BETTER = {"l1": LESS, "psnr": MORE, "ssim": MORE, "perceptual_distance": LESS, "kernel_distance": LESS}


@dataclass(frozen=True)
class PairJudge:
    """What sees images beside their pixels: none of it is needed, and other figures are left out without."""

    extractor: Extractor | None = None
    """For the kernel distance."""
    stages: StageFeatures | None = None
    """For the perceptual distance."""
    device: torch.device | str = "cpu"

    @property
    def protocol(self) -> dict[str, Any]:
        """Plain JSON: equal ones mean comparable figures."""
        seen: dict[str, Any] = {}
        if self.extractor:
            seen["extractor"] = {"name": self.extractor.name, **self.extractor.protocol}
        if self.stages:
            seen["stages"] = {"name": self.stages.name, **self.stages.protocol}
        return seen


class Measured(NamedTuple):
    """One set of outputs, measured pair by pair."""

    values: dict[str, Tensor]
    """(n,) by figure."""
    features: np.ndarray | None
    """(n, d), for the kernel distance; divided by the targets' deviation where the extractor asks for it."""


def pair_figures(
    outputs: np.ndarray, targets: np.ndarray, judge: PairJudge = PairJudge(), masks: np.ndarray | None = None
) -> dict[str, Estimate]:
    """L1, PSNR, SSIM, perceptual and kernel distance of outputs and targets, uint8 (n, C, h, w), with 95 % intervals.

    PSNR is that of the mean squared difference over all images: a mean of PSNRs is infinite where one is.

    With masks (n, 1, h, w) L1, PSNR and SSIM are over the pixels where they are not 0, of images that have such; the
    distances see whole images, and the kernel distance is that of pairs (`metrics.paired_kernel`). SSIM is left out
    below 11 pixels a side, the distances without their networks. Intervals are of the mean over images. Raises
    InputError for arrays that do not fit together.
    """
    return figures_against(targets, judge, masks)(outputs)


def figures_against(
    targets: np.ndarray, judge: PairJudge = PairJudge(), masks: np.ndarray | None = None
) -> Callable[[np.ndarray], dict[str, Estimate]]:
    """`pair_figures` as a function of the outputs alone: what the judge sees of the targets is taken once."""
    truth = _features(targets, judge)
    unit = _unit(truth, judge)
    scaled, rows = _scaled(truth, unit), np.arange(len(targets))
    return lambda outputs: _estimates(measured(outputs, targets, judge, masks, unit), scaled, rows)


def pair_record(
    candidates: Mapping[str, np.ndarray],
    targets: np.ndarray,
    judge: PairJudge = PairJudge(),
    masks: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    """`pair_figures` of each candidate by name as plain JSON; the first is compared with each of the others.

    Keys: count, protocol, figures {CANDIDATE: {FIGURE: {value, low, high, better}}}, differences {CANDIDATE: {FIGURE:
    {value, low, high}}} (the first's value minus that candidate's, pair by pair; below 0 the first has less),
    groups {GROUP: {count, figures}} for groups, the (n,) names of kinds of pairs. null: not finite, or unknown.
    """
    truth = _features(targets, judge)
    unit = _unit(truth, judge)
    scaled = _scaled(truth, unit)
    found = {name: measured(outputs, targets, judge, masks, unit) for name, outputs in candidates.items()}
    first, *others = found
    everything = np.arange(len(targets))
    record = {
        "kind": KIND,
        "format": FORMAT,
        "count": len(targets),
        "shape": list(targets.shape[1:]),
        "masked": masks is not None,
        "first": first,
        "protocol": judge.protocol,
        "figures": {name: _json(_estimates(each, scaled, everything)) for name, each in found.items()},
        "differences": {name: _differences(found[first], found[name]) for name in others},
        "groups": {},
        "versions": versions(),
    }
    for group in dict.fromkeys(groups or ()):
        rows = np.flatnonzero(np.array(groups) == group)
        figures = {name: _json(_estimates(each, scaled, rows)) for name, each in found.items()}
        record["groups"][group] = {"count": len(rows), "figures": figures}
    return record


def measured(
    outputs: np.ndarray, targets: np.ndarray, judge: PairJudge, masks: np.ndarray | None, unit: float
) -> Measured:
    """The figures of each pair; `unit` is what features are divided by."""
    if outputs.shape != targets.shape or not len(targets):
        raise InputError(f"outputs of shape {outputs.shape} for targets of {targets.shape}; give one for each target")
    values = {"l1": l1(outputs, targets, masks), SQUARED: torch.pow(10, -psnr(outputs, targets, masks) / 10)}
    if min(targets.shape[2:]) >= WINDOW:
        values["ssim"] = ssim(outputs, targets, masks)
    if judge.stages is not None:
        values["perceptual_distance"] = perceptual_distances(outputs, targets, judge.stages, device=judge.device)
    return Measured(values, _scaled(_features(outputs, judge), unit))


def _features(images: np.ndarray, judge: PairJudge) -> np.ndarray | None:
    return None if judge.extractor is None else features_of(judge.extractor, images, device=judge.device)


def _unit(truth: np.ndarray | None, judge: PairJudge) -> float:
    standardised = judge.extractor is not None and judge.extractor.standardised
    return deviation(truth) if truth is not None and standardised else 1.0


def _scaled(features: np.ndarray | None, unit: float) -> np.ndarray | None:
    return None if features is None else features / unit


def _estimates(found: Measured, truth: np.ndarray | None, rows: np.ndarray) -> dict[str, Estimate]:
    means = {name: mean_of(values[torch.from_numpy(rows)]) for name, values in found.values.items()}
    estimates = {"l1": means.pop("l1"), "psnr": _decibels(means.pop(SQUARED)), **means}
    if truth is not None and found.features is not None and len(rows) > 2:
        estimates["kernel_distance"] = paired_kernel_estimate(found.features[rows], truth[rows])
    return estimates


def mean_of(values: Tensor) -> Estimate:
    """The mean of values (n,) with its interval; nan ones (nothing masked) are left out. One alone has no interval."""
    known = values[~values.isnan()].double()
    if len(known) < 2:
        return Estimate(float(known.mean()), math.nan, math.nan)
    return from_deviation(float(known.mean()), deviation_of_mean(known))


def _decibels(squared: Estimate) -> Estimate:
    """PSNR of a mean squared difference, as a share of the squared range."""
    value, low, high = (-10 * math.log10(each) if each > 0 else math.inf for each in squared)
    return Estimate(value, high, low)


def _differences(first: Measured, other: Measured) -> dict[str, dict[str, float | None]]:
    names = [name for name in first.values if name != SQUARED]
    return {name: _entry(mean_of(first.values[name] - other.values[name])) for name in names}


def _json(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    return {name: {**_entry(estimate), "better": BETTER[name]} for name, estimate in estimates.items()}


def _entry(estimate: Estimate) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in estimate._asdict().items()}
