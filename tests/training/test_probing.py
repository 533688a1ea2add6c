"""Live probes: when they come, what they are taken on, and that training does not notice them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nablagan.data.sampler import heldout
from nablagan.diagnostics.spread import coarse, mean_distance
from nablagan.training.events import EventLog
from nablagan.training.loop import prepare, sampler_of
from nablagan.training.probing import EXAMINED, exam, spread_within_classes
from nablagan.types import InputError
from runs import ALONE, BATCH, dataset, events, go, images, images_run, points_run, stop_at, story, tensor_bytes

PROBED = images_run(holdout=4, probe_images=2 * BATCH, audit_images=3 * BATCH)
VITALS = {"diversity", "sample_distance", "overlap", "sign_rate", "drift", "generator_signal"}
OF_HELDOUT = {"memorisation", "overfitting"}
SIDES = {"own", "other", "own_ratio", "other_ratio", "update_cosine", "successive_cosine"}
AUDIT = {f"{player}_{name}" for player in ("generator", "discriminator") for name in SIDES}


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("probed") / "run"
    assert go(directory, PROBED).status == "done"
    return directory


def test_probes_come_at_their_moments_with_all_their_figures(probed: Path):
    found = {event["images_seen"]: set(event["measures"]) for event in events(probed, "probe")}
    vital, both = VITALS | OF_HELDOUT, VITALS | OF_HELDOUT | AUDIT
    assert found == {16: vital, 24: AUDIT, 32: vital, 48: both, 64: vital, 72: AUDIT, 80: vital}
    for event in events(probed, "probe"):
        assert event.keys() == {"kind", "images_seen", "measures", "time"}
        assert event["time"]["seconds"] > 0
    stages = [event["time"]["stages"] for event in events(probed, "tick")]
    assert all(stage["probes"] > 0 for stage in stages)


def test_training_does_not_notice_them(probed: Path, tmp_path: Path):
    """Not a byte of any tensor, not a measure of any tick."""
    go(tmp_path, replace(PROBED, probe_images=0, audit_images=0))
    assert not events(tmp_path, "probe", "finding")
    assert tensor_bytes(tmp_path) == tensor_bytes(probed)
    ticks = [[event["measures"] for event in events(place, "tick")] for place in (tmp_path, probed)]
    assert ticks[0] == ticks[1]


def test_stopping_and_resuming_changes_no_probe(probed: Path, tmp_path: Path):
    """Stops just before and just after an audit, at a probe, and amid an interval."""
    for stop in (16, 24, 40, 64):
        assert go(tmp_path, PROBED, on_step=stop_at(stop)).status == "stopped"
    assert go(tmp_path, PROBED).status == "done"
    assert story(tmp_path) == story(probed)
    assert tensor_bytes(tmp_path) == tensor_bytes(probed)


def test_a_run_may_go_on_with_other_intervals_of_probes(tmp_path: Path, probed: Path):
    go(tmp_path, replace(PROBED, probe_images=0), on_step=stop_at(40))
    assert go(tmp_path, PROBED).status == "done"
    assert tensor_bytes(tmp_path) == tensor_bytes(probed)
    with pytest.raises(InputError, match="holdout: 4 there, 5 now"):
        go(tmp_path, replace(PROBED, holdout=5, images=200))


def test_an_interval_below_a_step_means_every_step(tmp_path: Path):
    go(tmp_path, replace(PROBED, images=4 * BATCH, probe_images=1, audit_images=0))
    assert [event["images_seen"] for event in events(tmp_path, "probe")] == [8, 16, 24, 32]


def test_points_without_held_out_samples(tmp_path: Path):
    go(tmp_path, points_run(images=4 * BATCH, probe_images=2 * BATCH, dtype="float64"))
    assert [set(event["measures"]) for event in events(tmp_path, "probe")] == [VITALS, VITALS]


def test_samples_all_alike_have_no_diversity_and_stop_nothing(tmp_path: Path):
    alike = dataset("images", np.full((20, 1, 8, 8), 7, np.uint8), np.arange(20) % 3, ("a", "b", "c"))
    assert go(tmp_path, PROBED, alike).status == "done"
    first, *_ = events(tmp_path, "probe")
    assert set(first["measures"]) == (VITALS | OF_HELDOUT) - {"diversity", "sample_distance"}
    assert not [event for event in events(tmp_path, "finding") if event["disease"] == "penalty_dominates"]


def test_a_disk_that_is_full_at_a_probe_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write = EventLog.write

    def full(self: EventLog, kind: str, images_seen: int, **content: Any) -> None:
        if kind == "probe" and images_seen == 48:
            raise OSError(28, "No space left on device")
        write(self, kind, images_seen, **content)

    monkeypatch.setattr(EventLog, "write", full)
    with pytest.raises(InputError, match=r"cannot be written .*No space left"):
        go(tmp_path, PROBED)


# --- what the run is examined on -------------------------------------------------------------------------------


def exam_of(run: Any, data: Any) -> Any:
    state = prepare(run, data.shape, len(data.classes), ALONE)
    return exam(state, data, sampler_of(run, data, ALONE))


def numbered(count: int, classes: int = 3) -> Any:
    """Image i is filled with i."""
    samples = np.repeat(np.arange(count, dtype=np.uint8), 64).reshape(count, 1, 8, 8)
    return dataset("images", samples, np.arange(count) % classes, tuple(map(str, range(classes))))


def numbers(samples: torch.Tensor) -> list[int]:
    return ((samples[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_the_exam_knows_training_samples_from_held_out_ones():
    run, data = replace(PROBED, holdout=70), numbered(200)
    found = exam_of(run, data)
    held = set(heldout(200, run.seed, 70).tolist())
    known, unknown = numbers(found.batch.real), numbers(found.heldout.real)
    assert len(set(known)) == len(known) == EXAMINED
    assert len(set(unknown)) == len(unknown) == EXAMINED
    assert not set(known) & held
    assert set(unknown) < held
    assert max(unknown) - min(unknown) > 150  # of 70 not the 64 first, which a sorted folder would make few classes
    assert found.batch.label.tolist() == [number % 3 for number in known]
    assert found.heldout.label.tolist() == [number % 3 for number in unknown]
    assert found.batch.latent.shape == found.again.latent.shape == (EXAMINED, run.latent_size)
    assert not torch.equal(found.batch.latent, found.again.latent)


def test_the_exam_is_that_of_the_seed_in_every_session_and_dtype():
    run, data = PROBED, images()
    one, again, other = exam_of(run, data), exam_of(run, data), exam_of(replace(run, seed=1), data)
    assert torch.equal(one.batch.real, again.batch.real)
    assert torch.equal(one.again.latent, again.again.latent)
    assert not torch.equal(one.again.latent, other.again.latent)
    assert exam_of(replace(run, dtype="float64"), data).batch.latent.dtype == torch.float64


def test_the_spread_is_that_of_pairs_of_one_class():
    """Classes of points on lines far apart: pairs of a class are 1 apart, of any two about 100."""
    samples = np.array([[100.0 * (i % 2), i // 2 % 2] for i in range(40)], np.float32)
    data, labels = dataset("points", samples, np.arange(40) % 2, ("a", "b")), torch.arange(40) % 2
    assert spread_within_classes(data, np.arange(40), labels) == pytest.approx(1.0)
    everyone = spread_within_classes(data, np.arange(40), None)
    assert everyone == pytest.approx(mean_distance(coarse(torch.from_numpy(samples))))
    assert everyone > 40


def test_one_sample_a_class_leaves_the_spread_of_all():
    data = numbered(12, classes=12)
    found = exam_of(replace(PROBED, holdout=0), data)
    assert found.real_spread == pytest.approx(mean_distance(found.reference))
    assert found.heldout is None
