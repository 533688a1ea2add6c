"""When findings begin and end, on hand-made rules: patience, hysteresis, replay; and the plain records they become."""

import json
import math

import pytest

from nablagan.diagnostics.doctor import Advice, Circumstances, Doctor, Evidence, History, Rule, Sign
from nablagan.diagnostics.doctor.doctor import CLEAR_AFTER, CLEAR_BELOW, confidence


def level(history, circumstances):
    """Sick at a level of 1 or more."""
    value = history.last("level")
    return Sign(value, (Evidence("level", value, 1.0, f"the level is {value}"),)) if value == value else None


def advice(history, circumstances):
    return Advice("lower it", ("--gamma", f"{circumstances.recommended_gamma}"))


RULE = Rule("fever", "a fever", level, advice, patience=3)


def probe(number, **measures):
    return {"kind": "probe", "images_seen": 10 * number, "measures": measures, "time": {}}


def told(levels, rule=RULE):
    """(status, place) of each finding."""
    doctor = Doctor(rules=(rule,))
    return [(found.status, place) for place, x in enumerate(levels, 1) for found in doctor.hear(probe(place, level=x))]


def test_a_finding_is_raised_after_its_patience_and_cleared_after_a_lasting_recovery():
    assert told([0, 2, 2, 2, 2, 0, 0, 0, 0, 0]) == [("raised", 4), ("cleared", 5 + CLEAR_AFTER)]
    assert told([2], RULE._replace(patience=1)) == [("raised", 1)]


def test_the_threshold_itself_counts_and_what_is_just_below_does_not():
    assert told([1.0] * 3) == [("raised", 3)]
    assert told([math.nextafter(1.0, 0)] * 9) == []
    assert told([2] * 3 + [CLEAR_BELOW] * 9) == [("raised", 3)]
    assert told([2] * 3 + [CLEAR_BELOW - 1e-9] * 4) == [("raised", 3), ("cleared", 7)]


def test_nothing_flickers():
    """Around the threshold, and around the recovery, one finding is said once."""
    assert told([1.1, 0.9] * 30) == []
    assert told([2] * 3 + [0.9, 1.1] * 30) == [("raised", 3)]
    assert told([2] * 3 + [0.1, 0.1, 0.1, 0.8] * 10) == [("raised", 3)]
    assert told([2] * 3 + [0.0, 2.0] * 10 + [0.0] * 4) == [("raised", 3), ("cleared", 27)]


def test_it_may_come_again():
    assert [status for status, _ in told(([2] * 3 + [0] * 4) * 2)] == ["raised", "cleared"] * 2


def test_what_cannot_be_judged_is_no_disease_and_counts_as_recovery():
    nothing = float("nan")
    assert told([2, 2, nothing, 2]) == []
    assert told([2] * 3 + [nothing] * 4) == [("raised", 3), ("cleared", 7)]


def test_null_is_infinite_and_what_is_written_is_json():
    doctor = Doctor(rules=(RULE._replace(patience=1),))
    (found,) = doctor.hear(probe(1, level=None))
    assert found.confidence == 1.0
    content = json.loads(json.dumps(found.content(), allow_nan=False))
    assert content["evidence"] == [{"measure": "level", "value": None, "threshold": 1.0, "words": "the level is inf"}]
    assert content["advice"] == {"words": "lower it", "options": ["--gamma", "1.0"]}
    assert (content["disease"], content["status"], content["title"]) == ("fever", "raised", "a fever")


def test_an_undefined_strength_changes_nothing():
    """inf - inf: neither seen nor passed."""
    undefined = Rule("odd", "odd", lambda history, circumstances: Sign(float("nan"), ()), advice, 1)
    doctor = Doctor(rules=(undefined,))
    assert [found for k in range(9) for found in doctor.hear(probe(k))] == []


def test_ticks_are_heard_and_judged_with_the_next_probe_only():
    doctor = Doctor(rules=(RULE._replace(patience=1),))
    assert doctor.hear({"kind": "tick", "images_seen": 5, "measures": {"level": 3.0}}) == []
    assert doctor.hear({"kind": "samples", "images_seen": 5, "file": "x"}) == []
    (found,) = doctor.hear(probe(1, other=0.0))
    assert found.evidence[0].value == 3.0
    assert set(doctor.ill) == {"fever"}


def test_the_circumstances_reach_rule_and_advice():
    doctor = Doctor(Circumstances(recommended_gamma=0.25), (RULE._replace(patience=1),))
    assert doctor.hear(probe(1, level=5.0))[0].advice.options == ("--gamma", "0.25")


@pytest.mark.parametrize("cut", range(12))
def test_hearing_the_same_events_again_gives_the_same_doctor(cut):
    """What a resume does: a new doctor hears what is left in events.jsonl, findings among it."""
    events = [probe(k, level=x) for k, x in enumerate([0, 2, 2, 2, 2, 0, 0, 0, 0, 2, 2, 2], 1)]
    straight, before = Doctor(rules=(RULE,)), Doctor(rules=(RULE,))
    whole = [straight.hear(event) for event in events]
    log = []
    for event in events[:cut]:
        log += [event, *({"kind": "finding", "images_seen": 0, **found.content()} for found in before.hear(event))]
    again = Doctor(rules=(RULE,))
    for event in json.loads(json.dumps(log)):
        again.hear(event)
    assert again.ill == before.ill
    assert [again.hear(event) for event in events[cut:]] == whole[cut:]


def test_confidence_is_a_half_at_the_threshold_and_grows():
    values = [confidence(strength) for strength in (1.0, 1.5, 4.0, 1e9, math.inf)]
    assert values[0] == 0.5
    assert values == sorted(values)
    assert values[-1] == 1.0


def test_history_keeps_values_with_their_moments():
    history = History()
    for k, value in enumerate([5.0, 1.0, None, 3.0]):
        history.add(10 * k, {"a": value} if k != 1 else {"a": value, "b": 2})
    assert history.values == {"a": [5.0, 1.0, math.inf, 3.0], "b": [2.0]}
    assert (history.count("a"), history.count("c"), history.last("a"), history.images_seen) == (4, 0, 3.0, 30)
    assert history.recent("a") == 3.0  # the median of 1, inf, 3
    assert history.early("a", 2) == 3.0
    for missing in (history.last("c"), history.recent("b"), history.early("a"), history.recent("a", 5)):
        assert math.isnan(missing)
