"""An evaluation as a whole, on an extractor without weights: values, records, memorisation, refusals."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from judging import judge, pixel_features, random_samples
from nablagan import metrics
from nablagan.data import open_dataset
from nablagan.evaluation.evaluate import Evaluation, Real, Role, common_classes, evaluate, shared_rows
from nablagan.evaluation.files import place_in_run, write_evaluation
from nablagan.evaluation.judges import PointJudge
from nablagan.evaluation.names import BETTER, selectable
from nablagan.evaluation.opening import open_judge
from nablagan.evaluation.records import check_comparable, read_record
from nablagan.evaluation.samples import Samples, rows_of
from nablagan.metrics.features import deviation
from nablagan.types import InputError

COUNT = 120
TRAINING = random_samples(0, 300)
HELD_OUT = random_samples(1, COUNT)
FRESH = random_samples(2, COUNT)


def found(cache: Path, generated: Samples = FRESH, role: Role = Role.GIVEN, **options: Any) -> Evaluation:
    return evaluate(generated, Real(HELD_OUT, role), judge(cache, **options), 3, TRAINING)


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "time"}


def test_values_are_those_of_metrics_on_standardised_features(tmp_path: Path):
    """Oracle: `metrics.kernel_distance` and `precision_recall` on features that are taken and divided by hand."""
    import torch

    record = found(tmp_path).record
    fake, real = (pixel_features(torch.from_numpy(side.rows)).numpy() for side in (FRESH, HELD_OUT))
    scale = deviation(real)
    values = {name: entry["value"] for name, entry in record["metrics"].items()}
    assert values["kernel_distance"] == pytest.approx(metrics.kernel_distance(real / scale, fake / scale), rel=1e-9)
    assert values["precision"] == metrics.precision_recall(real / scale, fake / scale, 3).precision
    assert set(values) <= set(BETTER)
    for entry in record["metrics"].values():
        assert entry["low"] <= entry["value"] <= entry["high"]
        assert (entry["count_generated"], entry["count_real"]) == (COUNT, COUNT)
    assert record["extractor"] == {"name": "sums", "standardised": True, "side": 8, "dimensions": 5}
    assert record["versions"].keys() >= {"torch", "numpy", "nablagan"}
    assert (record["seed"], record["count"], record["against"]["role"]) == (3, COUNT, "the data given")


def test_the_same_evaluation_gives_the_same_record(tmp_path: Path):
    first, second = found(tmp_path / "a").record, found(tmp_path / "b").record
    assert json.dumps(without_time(first)) == json.dumps(without_time(second))
    again = found(tmp_path / "a").record  # with real features from the cache
    assert without_time(again) == without_time(first)


def test_worse_samples_are_told_worse(tmp_path: Path):
    good, bad = (found(tmp_path, side).record["metrics"] for side in (FRESH, random_samples(4, COUNT, 200, 256)))
    for name in ("kernel_distance", "frechet_distance", "sliced_wasserstein"):
        assert bad[name]["low"] > good[name]["high"]
    assert bad["coverage"]["value"] < good["coverage"]["value"]


def test_copies_are_found_and_shown(tmp_path: Path):
    copied = Samples(np.concatenate([TRAINING.rows[:20], FRESH.rows[20:]]), "copied", FRESH.description)
    record = found(tmp_path, copied).record
    assert record["memorisation"]["p_value"] < 0.01
    assert record["memorisation"]["share_copied"] > 0.08
    assert record["neighbours"]["pixel_distances"][:6] == [0.0] * 6
    assert found(tmp_path).record["memorisation"]["p_value"] > 0.01


def test_memorisation_needs_data_that_training_has_not_seen(tmp_path: Path):
    def reason(real: Real, training: Samples | None) -> str:
        return evaluate(FRESH, real, judge(tmp_path), 0, training).record["memorisation"]["not_done"]

    assert "--against" in reason(Real(HELD_OUT, Role.TRAINING), TRAINING)
    assert "--train" in reason(Real(HELD_OUT, Role.GIVEN), None)
    mixed = replace(HELD_OUT, rows=np.concatenate([TRAINING.rows[:5], HELD_OUT.rows[5:]]), fingerprint="mixed")
    assert shared_rows(mixed, TRAINING) == 5
    assert reason(Real(mixed, Role.GIVEN), TRAINING) == "5 of the 120 real samples are training samples too"


def with_labels(share: float) -> Samples:
    """The held-out samples, a share of them labelled as the judge names them, the others wrongly."""
    labels = (HELD_OUT.rows.reshape(COUNT, -1).mean(1) > 127.5).astype(np.int64)
    labels[round(share * COUNT) :] ^= 1
    return replace(HELD_OUT, labels=labels)


def test_classes_that_the_judge_and_the_data_have_in_common_give_scores_and_modes(tmp_path: Path):
    real = Real(with_labels(0.6), Role.GIVEN)
    record = evaluate(FRESH, real, judge(tmp_path, classes=True), 3).record
    assert {"inception_score", "modes_found", "modes_divergence"} <= record["metrics"].keys() <= BETTER.keys()


@pytest.mark.parametrize("real", [HELD_OUT, with_labels(0.4), replace(with_labels(1.0), description={"classes": 3})])
def test_as_many_classes_of_another_meaning_are_no_modes(tmp_path: Path, real: Samples):
    """Without labels, labelled otherwise than the judge sees them, of another number."""
    assert common_classes(judge(tmp_path, classes=True), real) == 0
    given = replace(real, description=HELD_OUT.description | real.description)
    figures = evaluate(FRESH, Real(given, Role.GIVEN), judge(tmp_path, classes=True), 3).record["metrics"]
    assert "inception_score" in figures
    assert not {"modes_found", "modes_divergence"} & figures.keys()


def test_digits_have_their_names_in_common_with_the_digits_extractor_and_others_called_alike_have_not(tmp_path: Path):
    """Oracle: the labels of 300 digits, and the same shifted by one, as ten kinds of something else would be."""
    real = rows_of(open_dataset("builtin:digits-heldout"), 300, 0)
    sees = open_judge(True, "digits", cache=str(tmp_path))
    assert real.labels is not None
    assert common_classes(sees, real) == 10
    assert common_classes(sees, replace(real, labels=(real.labels + 1) % 10)) == 0


def test_records_of_a_moment_have_names_of_their_own(tmp_path: Path):
    """Whatever decides the figures is told apart: a second record must not replace the first."""
    made = {"images_seen": 5, "half_life": 20}
    record = found(tmp_path).record | {"generated": made}
    changes: list[dict[str, Any]] = [
        {},
        {"count": 60},
        {"seed": 4},
        {"generated": made | {"half_life": 40}},
        {"generated": made | {"images_seen": 6}},
        {"extractor": record["extractor"] | {"side": 112}},
        {"against": record["against"] | {"fingerprint": "x"}},
        {"against": record["against"] | {"name": "long" * 100}},
    ]
    names = [place_in_run(tmp_path, record | change).name for change in changes]
    assert len(set(names)) == len(names)
    assert names[0].startswith("images-000000005-sums-random-1-120-seed3-")
    assert place_in_run(tmp_path, record | {"time": {"unix": 1.0}}).name == names[0]
    assert max(map(len, names)) < 150


def test_points_are_their_own_features():
    """Oracle: `metrics.kernel_distance` on the points."""
    sides = [np.random.default_rng(seed).normal(size=(60, 2)).astype(np.float32) for seed in range(2)]
    fake, real = (Samples(rows, str(i), {"name": str(i), "fingerprint": str(i)}) for i, rows in enumerate(sides))
    result = evaluate(fake, Real(real, Role.GIVEN), PointJudge())
    expected = metrics.kernel_distance(real.rows, fake.rows)
    assert result.record["metrics"]["kernel_distance"]["value"] == pytest.approx(expected, rel=1e-9)
    assert result.picture is None
    with pytest.raises(InputError, match="sees images"):
        evaluate(fake, Real(real, Role.GIVEN), judge(Path()))


@pytest.mark.parametrize(
    ("generated", "message"),
    [
        (random_samples(2, COUNT - 1), "119 generated samples against 120 real ones"),
        (Samples(np.zeros((COUNT, 3, 8, 8), np.uint8), "", {}), "3 x 8 x 8 and real ones 1 x 8 x 8"),
    ],
)
def test_unlike_sides_are_refused(tmp_path: Path, generated: Samples, message: str):
    with pytest.raises(InputError, match=message):
        found(tmp_path, generated)


def test_records_are_read_back_and_only_like_ones_are_compared(tmp_path: Path):
    result = found(tmp_path)
    files = write_evaluation(tmp_path / "deep/a.json", result)
    assert [path.name for path in files] == ["a.json", "a.png"]
    record = read_record(files[0])
    assert without_time(record) == without_time(result.record) | {"picture": "a.png"}
    check_comparable(record, result.record)
    for change, words in (
        ({"count": 60}, "numbers of samples differ (120 and 60)"),
        ({"seed": 4}, "seeds differ (3 and 4)"),
        ({"extractor": record["extractor"] | {"side": 112}}, "protocols differ in side (8 and 112)"),
        ({"settings": record["settings"] | {"projections": 9}}, "settings differ in projections"),
        ({"against": record["against"] | {"fingerprint": "x"}}, "real data differ"),
    ):
        with pytest.raises(InputError) as error:
            check_comparable(record, record | change)
        assert words in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", "NaN", '{"kind": "nablagan evaluation"}', "\x00"])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json"):
        read_record(tmp_path / "a.json")


def test_a_damaged_record_is_refused(tmp_path: Path):
    (path, _) = write_evaluation(tmp_path / "a.json", found(tmp_path))
    record = json.loads(path.read_text())
    for name in ("metrics", "seed", "extractor", "against"):
        path.write_text(json.dumps({key: value for key, value in record.items() if key != name}))
        with pytest.raises(InputError, match="damaged"):
            read_record(path)
    for name in ("value", "better"):
        entries = {metric: {k: v for k, v in entry.items() if k != name} for metric, entry in record["metrics"].items()}
        path.write_text(json.dumps(record | {"metrics": entries}))
        with pytest.raises(InputError, match=f"damaged: it lacks '{name}'"):
            read_record(path)


def test_the_best_can_be_told_by_what_has_a_better_way():
    better = selectable()
    assert better["kernel_distance"](0.1, 0.2)
    assert better["coverage"](0.2, 0.1)
    assert not better["coverage"](0.1, math.nan)
    assert "vendi_fake" not in better
