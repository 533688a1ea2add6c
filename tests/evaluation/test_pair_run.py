"""Runs that translate or complete, judged on pairs: which pairs, which candidates, and what is written and told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from image_runs import completion_run, pairs, translation_run, two_ways_run
from judging import pixel_features
from nablagan.cli.main import main
from nablagan.data import Dataset
from nablagan.data.sampler import heldout
from nablagan.evaluation import pair_run
from nablagan.evaluation.opening import Wish
from nablagan.evaluation.pair_run import pairs_of_run
from nablagan.evaluation.pairs import PairJudge
from nablagan.metrics.features import Extractor
from nablagan.metrics.perceptual import StageFeatures
from nablagan.types import InputError
from runs import BATCH, go, images

JUDGE = PairJudge(
    Extractor("sums", pixel_features, {"dimensions": 5}), StageFeatures("pixels", lambda images: [images], {})
)


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """A trained run of each task."""
    root = tmp_path_factory.mktemp("runs")
    few = {"images": 2 * BATCH, "probe_images": 0, "audit_images": 0}
    go(root / "translation", translation_run(**few), pairs())
    go(root / "completion", completion_run(**few), images())
    go(root / "two-ways", two_ways_run(**few), pairs(is_paired=False))
    return root


@pytest.fixture
def opened(monkeypatch):
    """Sets what data are opened; collects the settings."""
    calls = []

    def use(data: Dataset):
        def open_data(settings, cache=None, progress=None):
            calls.append(settings)
            return data

        monkeypatch.setattr(pair_run, "open_data", open_data)
        return calls

    return use


def test_a_translation_is_judged_on_what_its_run_held_out(directories, opened):
    opened(pairs())
    found = pairs_of_run(directories / "translation", Wish(), JUDGE)
    record = found.record
    json.dumps(record, allow_nan=False)
    assert list(record["figures"]) == ["model", "identity", "nearest_source"]
    assert (record["count"], record["against"]["role"]) == (4, "held out of the training data")
    rows = heldout(20, translation_run().seed, 4)
    assert (found.columns["truth"] == pairs().samples[rows]).all()
    assert set(record["nearness"]) == {"l1", "perceptual_distance"}
    assert record["nearness"]["l1"]["pairs"] == 4
    assert (found.columns["nearest_source"] != found.columns["truth"]).any((1, 2, 3)).all()  # not among themselves


def test_completion_is_judged_by_kinds_of_holes(directories, opened):
    opened(images())
    found = pairs_of_run(directories / "completion", Wish(), JUDGE)
    record = found.record
    json.dumps(record, allow_nan=False)
    assert {"model", "mean_of_known", "nearest_known"} <= set(record["figures"])
    assert {name: group["count"] for name, group in record["groups"].items()} == {"thin": 4, "medium": 4, "thick": 4}
    assert record["masked"]
    missing = found.columns["given"] == 127
    for name in set(found.columns) - {"given"}:
        assert (found.columns[name] == found.columns["truth"])[~missing].all()


def test_the_data_s_own_masks_are_grouped_by_thickness(directories, opened):
    holes = np.zeros((20, 1, 8, 8), np.uint8)
    holes[:, :, 2:7, 2:7] = 255
    opened(replace(images(), masks=holes))
    record = pairs_of_run(directories / "completion", Wish(count=3), JUDGE).record
    assert {name: group["count"] for name, group in record["groups"].items()} == {"thick": 3}


def test_data_that_were_given_are_opened_as_the_run_s_and_taken_whole(directories, opened):
    calls = opened(pairs())
    record = pairs_of_run(directories / "translation", Wish(against="more"), JUDGE).record
    assert [settings.source for settings in calls] == ["images", "more"]
    assert calls[1].resolution == (8, 8)
    assert (record["count"], record["against"]["role"]) == (20, "given")


def test_what_cannot_be_judged_is_refused(directories, opened):
    opened(pairs(is_paired=False))
    with pytest.raises(InputError, match="no held-out data are known for images"):
        pairs_of_run(directories / "two-ways", Wish(), JUDGE)
    with pytest.raises(InputError, match="has no pairs"):
        pairs_of_run(directories / "two-ways", Wish(against="more"), JUDGE)
    opened(pairs(source_channels=1))
    with pytest.raises(InputError, match="have 1 channels"):
        pairs_of_run(directories / "translation", Wish(), JUDGE)
    with pytest.raises(InputError, match="give a --count up to that"):
        pairs_of_run(directories / "translation", Wish(count=5), JUDGE)


def test_a_run_without_pairs_is_judged_by_them(directories, opened):
    opened(pairs())
    record = pairs_of_run(directories / "two-ways", Wish(against="more"), JUDGE).record
    assert next(iter(record["figures"])) == "model"


def test_the_command_writes_and_tells(directories, opened, monkeypatch, capsys):
    opened(pairs())
    monkeypatch.setattr("nablagan.evaluation.opening.open_pair_judge", lambda *chosen: JUDGE)
    run = directories / "translation"
    assert main(["evaluate", str(run), "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "nearer to its counterpart by L1: " in told
    path, page = run / "pairs" / "images-000000016-images-4-seed0.json", run / "report.html"
    assert told.splitlines()[-3:] == [str(path), str(path.with_suffix(".png")), str(page)]
    assert 'id="pairs"' in page.read_text(encoding="utf-8")
    record = json.loads(path.read_text())
    assert (record["picture"], record["columns"][-1]) == (path.with_suffix(".png").name, "truth")
    assert main(["evaluate", str(run), "--json", "--out", str(run / "x.json")]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(run / "x.json"), str(run / "x.png")]
