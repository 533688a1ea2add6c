"""What is measured while a run that starts from images is trained: the averaged net, held-out items, nothing moved."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from image_runs import completion_run, contrastive_run, pairs, translation_run, two_ways_run
from judging import pixel_features
from nablagan.data.sampler import heldout, members
from nablagan.evaluation.holes import holes_of
from nablagan.evaluation.outputs import completed_images, translated_images
from nablagan.evaluation.pairs import PairJudge, pair_figures
from nablagan.evaluation.pairs_during import pair_measure_of, selectable_of_pairs
from nablagan.metrics.features import Extractor, deviation
from nablagan.metrics.kernel import kernel_estimate
from nablagan.metrics.perceptual import StageFeatures
from nablagan.training.evaluating import Evaluating
from nablagan.training.loop import prepare
from nablagan.types import InputError
from runs import ALONE, go, images, tensor_bytes

EXTRACTOR = Extractor("sums", pixel_features, {"dimensions": 5}, standardised=True)
JUDGE = PairJudge(EXTRACTOR, StageFeatures("pixels", lambda images: [images], {}))


def average(run, data):
    """The state at the start, and the net whose average it keeps, which is the net itself then."""
    state = prepare(run, data.shape, 0, ALONE)
    return state, state.averages.players[run.ema_half_lives[0]]


def values(figures):
    return {name: each.value for name, each in figures.items()}


def test_pairs_that_the_run_holds_out_are_judged():
    """Oracle: `pair_figures` of what the averaged net makes of them."""
    run, data = translation_run(), pairs()
    state, net = average(run, data)
    rows = heldout(20, run.seed, 4)
    found = pair_measure_of(run, data, JUDGE, 1000)(state)
    made = translated_images(lambda x, z: net(x.double(), z.double()), data.sources[rows], run.latent_size, run.seed)
    assert found["measures"] == values(pair_figures(made, data.samples[rows], JUDGE))
    assert found["protocol"]["count"] == 4
    assert found["protocol"]["against"] == {
        "name": "images",
        "role": "held out of the training data",
        "fingerprint": data.fingerprint,
    }
    assert found["better"]["l1"] == "less"
    assert found == pair_measure_of(run, data, JUDGE, 1000)(state)
    assert pair_measure_of(run, data, JUDGE, 3)(state)["protocol"]["count"] == 3


def test_held_out_images_are_completed_with_holes_of_each_kind():
    run, data = completion_run(), images(20)
    state, net = average(run, data)
    whole, holes, groups = holes_of(data.samples[heldout(20, run.seed, 4)], None, run.seed)
    assert groups == ["thin"] * 4 + ["medium"] * 4 + ["thick"] * 4
    made = completed_images(lambda x, z: net(x.double(), z.double()), whole, holes, run.latent_size, run.seed)
    found = pair_measure_of(run, data, JUDGE, 1000)(state)
    assert found["measures"] == values(pair_figures(made, whole, JUDGE, holes))


def test_two_sets_in_no_order_are_compared_as_sets():
    """Oracle: the kernel distance of the features of all outputs and all targets."""
    for run, of_net in ((two_ways_run(), lambda net: net.there), (contrastive_run(), lambda net: net.net)):
        channels = run.generator.options["source_shape"][0]
        data = pairs(is_paired=False, source_channels=channels, sources=20)
        state, net = average(run, data)
        assert list(selectable_of_pairs(run, data)) == ["kernel_distance"]
        found = pair_measure_of(run, data, JUDGE, 99)(state)
        assert found["protocol"]["against"]["role"] == "the training data"
        assert found["protocol"]["count"] == 16  # without the four that are held out
        rows, way = members(20, run.seed, 4), of_net(net)
        made = translated_images(
            lambda x, z, way=way: way(x.double(), z.double()), data.sources[rows], run.latent_size, run.seed
        )
        seen, truth = (pixel_features(torch.from_numpy(images)).numpy() for images in (made, data.samples[rows]))
        scale = deviation(truth)
        expected = kernel_estimate(seen / scale, truth / scale)
        assert found["measures"] == {"kernel_distance": pytest.approx(expected.value, rel=1e-6)}


def test_sources_and_targets_are_chosen_independently():
    """Sources equal to their targets, and a net that changes nothing: a few of each are not the same ones."""
    data = pairs(is_paired=False, source_channels=1, count=200, sources=200)
    data = replace(data, sources=data.samples)
    seen = []

    def remembering(pixels):
        seen.append(pixels)
        return pixel_features(pixels)

    run = contrastive_run()
    judge = PairJudge(Extractor("sums", remembering, {"dimensions": 5}))
    state, net = average(run, data)
    net.net.forward = lambda source, latent=None: source
    pair_measure_of(run, data, judge, 10)(state)
    targets, outputs = (images.flatten(1) for images in seen)
    assert len(targets) == len(outputs) == 10
    assert (targets[:, None] == outputs).all(2).sum() < 5


def test_training_does_not_notice(tmp_path):
    run, data = translation_run(), pairs()

    def noisy(pixels):
        torch.rand(3)
        return pixel_features(pixels)

    judge = PairJudge(Extractor("noisy", noisy, {}))
    torch.manual_seed(0)
    plan = Evaluating(pair_measure_of(run, data, judge, 4), 16, "l1", share=1.0)
    go(tmp_path / "with", run, data, evaluating=plan)
    after = torch.rand(1)
    torch.manual_seed(0)
    go(tmp_path / "without", run, data)
    assert torch.equal(after, torch.rand(1))
    assert tensor_bytes(tmp_path / "with") == tensor_bytes(tmp_path / "without")


def test_the_best_is_told_by_what_can_be_measured():
    assert next(iter(selectable_of_pairs(translation_run(), pairs()))) == "perceptual_distance"
    better = selectable_of_pairs(completion_run(), images(20))
    assert better["l1"](1, 2)
    assert better["psnr"](2, 1)
    assert "ssim" not in better  # of 8x8 images there is none


def test_nothing_to_judge_on_is_refused():
    with pytest.raises(InputError, match="2 samples are held out"):
        pair_measure_of(translation_run(holdout=2), pairs(), JUDGE, 1000)
    for count in (-1, 2):
        with pytest.raises(InputError, match=f"evaluation of {count} samples tells nothing: give at least 3"):
            pair_measure_of(two_ways_run(), pairs(is_paired=False), JUDGE, count)
    with pytest.raises(InputError, match="name one"):
        pair_measure_of(two_ways_run(), pairs(is_paired=False), PairJudge(), 1000)


def test_masks_of_the_data_are_the_holes():
    run, holes = completion_run(), np.zeros((20, 1, 8, 8), np.uint8)
    holes[:, :, 2:5, 2:5] = 255
    data = replace(images(20), masks=holes)
    state, net = average(run, data)
    rows = heldout(20, run.seed, 4)
    made = completed_images(
        lambda x, z: net(x.double(), z.double()), data.samples[rows], holes[rows], run.latent_size, run.seed
    )
    found = pair_measure_of(run, data, JUDGE, 4)(state)
    assert found["measures"] == values(pair_figures(made, data.samples[rows], JUDGE, holes[rows]))
