"""What follows when the doctor finds something: advice, a stop that may be resumed, a way back; on hand-made rules."""

import json
from functools import partial
from pathlib import Path

import pytest

from nablagan.diagnostics.doctor import Advice, Circumstances, Doctor, Evidence, History, Rule, Sign
from nablagan.training import writer
from nablagan.training.checkpoint import load_newest
from nablagan.training.session import OnTrouble
from runs import BATCH, events, go, images_run, stop_at, story, tensor_bytes

RUN = images_run(holdout=4, probe_images=BATCH)


def sick_between(first: int, last: int):
    """A rule that finds a disease at these images, at once."""

    def sign(history: History, circumstances: Circumstances) -> Sign:
        here = first <= history.images_seen <= last
        evidence = Evidence("overlap", history.last("overlap"), 0.5, "it shivers")
        return Sign(float(here), (evidence,))

    def advice(history: History, circumstances: Circumstances) -> Advice:
        return Advice("keep it warm", ("--gamma", "1"))

    return Rule("fever", "a fever", sign, advice, patience=1)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch):
    """Gives the doctor other rules."""
    return lambda *chosen: monkeypatch.setattr(writer, "Doctor", partial(Doctor, rules=chosen))


def findings(directory: Path) -> list[tuple[str, str, int]]:
    return [(e["disease"], e["status"], e["images_seen"]) for e in events(directory, "finding")]


def test_advice_changes_nothing_but_the_record(tmp_path: Path, rules):
    rules()
    go(tmp_path / "well", RUN)
    rules(sick_between(24, 32))
    assert go(tmp_path / "ill", RUN).status == "done"
    assert findings(tmp_path / "well") == []
    assert findings(tmp_path / "ill") == [("fever", "raised", 24), ("fever", "cleared", 64)]
    assert tensor_bytes(tmp_path / "well") == tensor_bytes(tmp_path / "ill")
    raised, _ = events(tmp_path / "ill", "finding")
    (probe,) = [event for event in events(tmp_path / "ill", "probe") if event["images_seen"] == 24]
    assert raised["evidence"] == [
        {"measure": "overlap", "value": probe["measures"]["overlap"], "threshold": 0.5, "words": "it shivers"}
    ]
    assert raised["advice"] == {"words": "keep it warm", "options": ["--gamma", "1"]}


def test_findings_are_the_same_after_stops_and_resumes(tmp_path: Path, rules):
    rules(sick_between(24, 32))
    go(tmp_path / "straight", RUN)
    for stop in (24, 32, 56):  # while it is raised, before and amid its recovery
        go(tmp_path / "stopped", RUN, on_step=stop_at(stop))
    go(tmp_path / "stopped", RUN)
    assert story(tmp_path / "stopped") == story(tmp_path / "straight")


def test_a_stop_saves_its_moment_and_the_run_goes_on_without_stopping_for_the_same(tmp_path: Path, rules):
    rules()
    go(tmp_path / "well", RUN)
    rules(sick_between(40, 80))
    result = go(tmp_path / "run", RUN, on_trouble=OnTrouble.STOP)
    assert (result.status, result.images_seen, result.trouble) == ("stopped", 40, True)
    assert result.reason == "the doctor found: a fever; try --gamma 1"
    end = events(tmp_path / "run")[-1]
    assert (end["kind"], end["status"], end["reason"]) == ("end", "stopped", result.reason)
    checkpoint, _ = load_newest(tmp_path / "run/checkpoints")
    assert checkpoint is not None
    assert checkpoint.state["images_seen"] == 40
    again = go(tmp_path / "run", RUN, on_trouble=OnTrouble.STOP)
    assert (again.status, again.trouble) == ("done", False)
    assert tensor_bytes(tmp_path / "run") == tensor_bytes(tmp_path / "well")
    assert findings(tmp_path / "run") == [("fever", "raised", 40)]


def test_another_disease_stops_it_again(tmp_path: Path, rules):
    cold = sick_between(56, 80)._replace(disease="cold", title="a cold")
    rules(sick_between(24, 80), cold)
    reasons = [go(tmp_path, RUN, on_trouble=OnTrouble.STOP).reason for _ in range(3)]
    assert reasons == ["the doctor found: a fever; try --gamma 1", "the doctor found: a cold; try --gamma 1", ""]


def test_a_finding_at_the_last_image_is_told_and_the_run_can_be_finished(tmp_path: Path, rules):
    rules(sick_between(80, 80))
    result = go(tmp_path, RUN, on_trouble=OnTrouble.STOP)
    assert (result.status, result.images_seen, result.trouble) == ("stopped", 80, True)
    assert go(tmp_path, RUN, on_trouble=OnTrouble.STOP).status == "done"
    assert (tmp_path / "DONE").exists()


def test_audits_between_probes_raise_findings_that_the_next_probe_answers(tmp_path: Path, rules):
    rules(sick_between(24, 80))
    run = images_run(holdout=4, probe_images=4 * BATCH, audit_images=3 * BATCH)
    result = go(tmp_path, run, on_trouble=OnTrouble.STOP)
    assert findings(tmp_path) == [("fever", "raised", 24)]
    assert (result.trouble, result.images_seen) == (True, 32)


def test_a_rollback_goes_back_and_on_with_other_data(tmp_path: Path, rules):
    """The disease shows once, at 40; from the checkpoint at 24 the run goes on past it with later draws."""
    shown: list[int] = []

    def once(history: History, circumstances: Circumstances) -> Sign:
        here = history.images_seen == 40 and not shown
        shown.extend([40] * here)
        return Sign(float(here), ())

    rules(sick_between(0, 0)._replace(sign=once))
    result = go(tmp_path, RUN, on_trouble=OnTrouble.ROLLBACK)
    assert (result.status, result.images_seen) == ("done", 80)
    (back,) = events(tmp_path, "rollback")
    assert (back["to"], back["failed_at"], back["reason"]) == (24, 32, "the doctor found: a fever; try --gamma 1")
    assert findings(tmp_path) == []  # cut back with the log
    checkpoint, _ = load_newest(tmp_path / "checkpoints")
    assert checkpoint is not None
    assert (checkpoint.state["skipped"], checkpoint.state["failures"]) == (16, [32])


def test_a_disease_that_comes_again_at_once_is_given_up(tmp_path: Path, rules):
    rules(sick_between(40, 80))
    result = go(tmp_path, RUN, on_trouble=OnTrouble.ROLLBACK)
    assert (result.status, result.trouble) == ("failed", False)
    assert "the doctor found: a fever" in result.reason
    assert json.loads((tmp_path / "FAILED").read_text())["status"] == "failed"
    assert len(events(tmp_path, "rollback")) == 1
