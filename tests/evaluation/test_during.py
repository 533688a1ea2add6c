"""What is measured while a run is trained: the averaged generator, the training data, nothing else moved."""

from pathlib import Path

import numpy as np
import pytest
import torch

from judging import judge
from nablagan import metrics
from nablagan.evaluation.during import measure_of
from nablagan.evaluation.judges import ImageJudge
from nablagan.evaluation.samples import generated
from nablagan.metrics.features import deviation
from nablagan.training.evaluating import Evaluating
from nablagan.training.loop import prepare
from nablagan.training.sampling import latents
from nablagan.types import InputError
from runs import ALONE, go, images, images_run, tensor_bytes

DATA = images(60)


def test_the_measures_are_those_of_the_averaged_generator(tmp_path: Path):
    """Oracle: the metric on features taken by hand, of the first average on the run's own latents."""
    run, sees = images_run(seed=2), judge(tmp_path)
    state = prepare(run, DATA.shape, 3, ALONE)
    found = measure_of(run, DATA, sees, 60)(state)
    assert DATA.labels is not None
    labels = torch.from_numpy(np.sort(DATA.labels))
    rows = generated(state.averages.players[20], latents(60, 4, 2, "evaluation"), labels)
    real, fake = (sees.extractor.features(torch.from_numpy(side)).numpy() for side in (DATA.samples, rows))
    scale = deviation(real)
    expected = metrics.kernel_distance(real / scale, fake / scale)
    assert found["measures"]["kernel_distance"] == pytest.approx(expected, rel=1e-9)
    low, high = found["intervals"]["kernel_distance"]
    assert low <= expected <= high
    assert found["protocol"]["against"] == {
        "name": "images",
        "role": "the training data",
        "fingerprint": DATA.fingerprint,
    }
    assert found == measure_of(run, DATA, sees, 60)(state)


def test_training_does_not_notice(tmp_path: Path):
    """Although this extractor draws from torch's global generator."""

    def noisy(pixels: torch.Tensor) -> torch.Tensor:
        torch.rand(3)
        return pixels.flatten(1).float()[:, :5]

    plain = judge(tmp_path)
    sees = ImageJudge(plain.extractor.__class__("noisy", noisy, {}), "cpu", tmp_path / "cache")
    torch.manual_seed(0)
    plan = Evaluating(measure_of(images_run(), DATA, sees, 40), 16, "kernel_distance", share=1.0)
    go(tmp_path / "with", data=DATA, evaluating=plan)
    after = torch.rand(1)
    torch.manual_seed(0)
    go(tmp_path / "without", data=DATA)
    assert torch.equal(after, torch.rand(1))
    assert tensor_bytes(tmp_path / "with") == tensor_bytes(tmp_path / "without")


def test_small_data_are_used_whole_and_a_count_of_one_is_refused(tmp_path: Path):
    state = prepare(images_run(), DATA.shape, 3, ALONE)
    assert measure_of(images_run(), DATA, judge(tmp_path), 1000)(state)["protocol"]["count"] == 60
    with pytest.raises(InputError, match="at least 20"):
        measure_of(images_run(), DATA, judge(tmp_path), 19)
