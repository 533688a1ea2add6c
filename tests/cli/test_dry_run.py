"""The time that a training will take is read off whole periods of its lazy penalties."""

import pytest

from image_runs import pairs, translation_run
from nablagan import penalties
from nablagan.cli import dry_run
from nablagan.optim import constant
from nablagan.training.loop import prepare, sampler_of
from nablagan.training.run import PenaltySettings
from runs import ALONE


@pytest.mark.parametrize(("every", "timed"), [(1, 6), (3, 6), (4, 8), (7, 7)])
def test_whole_periods_are_timed(every, timed, monkeypatch):
    monkeypatch.setattr(dry_run, "SECONDS", 0.0)
    run = translation_run(images=1000, penalties=(PenaltySettings(penalties.r1, constant(0.1), every),))
    data = pairs()
    times = dry_run.step_times(prepare(run, data.shape, 0, ALONE), sampler_of(run, data, ALONE), every)
    assert len(times) - 1 == dry_run.WARM_UP + timed
    assert times == sorted(times)


def test_a_run_of_few_steps_is_timed_whole():
    run, data = translation_run(), pairs()
    found = dry_run.measured(run, data, ALONE)
    assert found["expected_seconds"] == pytest.approx(run.images / found["images_per_second"])
    assert found["images_per_second"] > 0
