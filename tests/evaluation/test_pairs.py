"""Figures of outputs against truths: by hand, in groups, and against the functions that they are made of."""

import json

import numpy as np
import pytest
import torch

from judging import pixel_features
from nablagan.cli.pairs import tell_pairs
from nablagan.evaluation.holes import hole_groups, hole_thickness
from nablagan.evaluation.nearness import nearness, others
from nablagan.evaluation.pair_baselines import completion_baselines, translation_baselines
from nablagan.evaluation.pairs import PairJudge, pair_figures, pair_record
from nablagan.metrics import l1, paired_kernel_distance, ssim
from nablagan.metrics.features import Extractor
from nablagan.metrics.perceptual import StageFeatures
from nablagan.types import InputError

SUMS = Extractor("sums", pixel_features, {"dimensions": 5}, standardised=True)
PIXELS = StageFeatures("pixels", lambda images: [images], {"layers": "pixels"})
JUDGE = PairJudge(SUMS, PIXELS)


def scene(count=12, side=16):
    random = np.random.default_rng(0)
    targets = random.integers(0, 256, (count, 1, side, side), dtype=np.uint8)
    near = np.clip(targets + random.integers(-20, 21, targets.shape), 0, 255).astype(np.uint8)
    far = random.integers(0, 256, targets.shape, dtype=np.uint8)
    masks = np.zeros((count, 1, side, side), np.uint8)
    masks[:, :, :, 7] = 255
    masks[count // 2 :, :, 3:12, 3:12] = 255
    return targets, near, far, masks


def test_figures_are_means_with_intervals():
    """Oracle: the functions of `metrics`, and mean +- 1.96 standard errors."""
    targets, near, _, masks = scene()
    found = pair_figures(near, targets, JUDGE, masks)
    for name, function in (("l1", l1), ("ssim", ssim)):
        values = function(near, targets, masks).numpy()
        error = 1.959964 * values.std(ddof=1) / np.sqrt(len(values))
        assert found[name] == pytest.approx((values.mean(), values.mean() - error, values.mean() + error), rel=1e-6)
    squares = (near / 255.0 - targets / 255.0) ** 2
    means = [np.where(m, s, 0).sum() / (m > 0).sum() for m, s in zip(masks, squares, strict=True)]
    assert found["psnr"].value == pytest.approx(-10 * np.log10(np.mean(means)))
    error = 1.959964 * np.std(means, ddof=1) / np.sqrt(12)
    assert found["psnr"].low == pytest.approx(-10 * np.log10(np.mean(means) + error))
    assert found["psnr"].high == pytest.approx(-10 * np.log10(np.mean(means) - error))
    features = [pixel_features(torch.from_numpy(each)).numpy() for each in (near, targets)]
    unit = features[1].std(ddof=1)
    assert found["kernel_distance"].value == pytest.approx(
        paired_kernel_distance(*(f / unit for f in features)), rel=1e-4
    )
    assert set(found) == {"l1", "psnr", "ssim", "perceptual_distance", "kernel_distance"}


def test_what_cannot_be_measured_is_left_out():
    targets, near, _, masks = scene(side=12)
    assert set(pair_figures(near, targets)) == {"l1", "psnr", "ssim"}
    small = (targets[:, :, :8, :8], near[:, :, :8, :8])
    assert set(pair_figures(*small)) == {"l1", "psnr"}
    half = masks.copy()
    half[:6] = 0
    assert pair_figures(near, targets, masks=half)["l1"].value == pytest.approx(
        l1(near[6:], targets[6:], half[6:]).mean()
    )
    with pytest.raises(InputError, match="one for each target"):
        pair_figures(near[1:], targets)


def test_the_record_compares_the_first_with_the_others_and_knows_groups(capsys):
    targets, near, far, masks = scene()
    groups = hole_groups(masks)
    record = pair_record({"model": near, "noise": far, "truth": targets}, targets, JUDGE, masks, groups)
    json.dumps(record, allow_nan=False)
    assert record["figures"]["truth"]["psnr"]["value"] is None  # infinite
    assert record["figures"]["truth"]["l1"]["value"] == 0
    less, more = record["differences"]["noise"]["l1"], record["differences"]["noise"]["ssim"]
    assert less["high"] < 0 < more["low"]
    assert groups == ["thin"] * 6 + ["thick"] * 6
    assert {name: content["count"] for name, content in record["groups"].items()} == {"thin": 6, "thick": 6}
    alone = pair_figures(near[6:], targets[6:], PairJudge(), masks[6:])
    assert record["groups"]["thick"]["figures"]["model"]["l1"]["value"] == pytest.approx(alone["l1"].value)
    tell_pairs(record)
    told = capsys.readouterr().out
    assert "thick: 6 pairs" in told
    assert "model and noise differ for certain in: L1, SSIM" in told


def test_thickness_of_holes():
    mask = np.zeros((1, 1, 50, 80), bool)
    names = {}
    for width in (1, 3, 5, 9, 11, 30):
        mask[:] = False
        mask[0, 0, 5 : 5 + width, 10:70] = True
        names[width] = hole_groups(mask)[0]
        assert hole_thickness(mask[0, 0]) == pytest.approx((width - (width % 2 == 0)) / 50)
    assert names == {1: "thin", 3: "thin", 5: "medium", 9: "medium", 11: "thick", 30: "thick"}
    assert hole_groups(np.zeros((1, 1, 4, 4))) == ["thin"]
    assert hole_groups(np.ones((1, 1, 4, 4))) == ["thick"]


def test_nearness_counts_both_conditions():
    """By hand: the first output beats its input, the second does not; both beat any other target."""
    targets = np.array([0, 100, 200], np.uint8).reshape(3, 1, 1, 1)
    outputs = np.array([10, 110, 120], np.uint8).reshape(3, 1, 1, 1)
    inputs = np.array([30, 105, 0], np.uint8).reshape(3, 1, 1, 1)
    found = nearness(outputs, inputs, targets)
    assert (found.than_input.value, found.pairs) == (pytest.approx(2 / 3), 3)
    assert found.than_random.value == 1
    assert found.than_both.value == pytest.approx(2 / 3)
    assert found.than_both.low < 2 / 3 < found.than_both.high
    with pytest.raises(InputError, match="two pairs or more"):
        nearness(outputs[:1], inputs[:1], targets[:1])


def test_nearness_of_noise_is_a_coin():
    random = np.random.default_rng(0)
    outputs, targets = random.integers(0, 256, (2, 400, 1, 4, 4), dtype=np.uint8)
    found = nearness(outputs, outputs[::-1], targets)
    assert found.than_random.low < 0.5 < found.than_random.high


@pytest.mark.parametrize("count", [2, 3, 10])
def test_no_row_is_its_own_other(count):
    found = others(count, seed=1)
    assert sorted(found) == list(range(count))
    assert (found != np.arange(count)).all()


def test_baselines_that_can_be_had_and_why_not_the_others(monkeypatch):
    targets, near, _, masks = scene()
    found, missing = translation_baselines(near, 3, near, targets)
    assert (set(found), missing) == ({"identity", "nearest_source"}, {})
    assert (found["nearest_source"] == targets).all()
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    found, missing = completion_baselines(targets, masks, near)
    assert {"mean_of_known", "nearest_known"} <= set(found)
    assert "pip install" in missing["telea"]
    assert (found["nearest_known"][masks > 0] == near[masks > 0]).all()
