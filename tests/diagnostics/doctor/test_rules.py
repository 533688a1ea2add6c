"""Each disease on a course of measures that has it, and none of them on a healthy course."""

import argparse
import math

import pytest

from nablagan.cli import train
from nablagan.diagnostics.doctor import RULES, Circumstances, Doctor, advice
from nablagan.diagnostics.doctor.history import History

TOLD = Circumstances(
    loss="relativistic",
    gamma=0.25,
    recommended_gamma=0.25,
    generator_learning_rate=2e-3,
    discriminator_learning_rate=2e-3,
    samples=4000,
    heldout=64,
)
HEALTHY = {
    "generator_loss": 1.2,
    "discriminator_loss": 0.5,
    "separation": 1.2,
    "real_logits": 1.0,
    "fake_logits": -1.0,
    "generator_gradient_norm": 2.0,
    "discriminator_gradient_norm": 1.5,
    "diversity": 0.9,
    "sample_distance": 0.03,
    "overlap": 0.9,
    "memorisation": 0.52,
    "overfitting": 0.05,
    "generator_signal": 0.6,
    "generator_own_ratio": 0.7,
    "discriminator_own_ratio": 0.6,
}
PROBED = list(HEALTHY)[list(HEALTHY).index("diversity") :]
PROBES = 24
ILL = {
    "exploding": {"generator_gradient_norm": lambda t: 2.0 * 1.5 ** max(t - 8, 0)},
    "saturated_logits": {"real_logits": lambda t: 3.0 * t, "fake_logits": lambda t: -3.0 * t},
    "dead_player": {"generator_gradient_norm": lambda t: 2.0 * 0.2 ** max(t - 8, 0)},
    "vanishing_signal": {"generator_signal": lambda t: 0.6 * 0.5 ** max(t - 8, 0)},
    "overfitting": {"memorisation": lambda t: min(0.5 + 0.03 * t, 1.0)},
    "mode_collapse": {"diversity": lambda t: 0.9 * 0.9**t},
    "penalty_dominates": {"separation": lambda t: math.log(2), "sample_distance": lambda t: 0.6},
    "chase": {"overlap": lambda t: 0.4 if t % 2 else 0.6},
    "discriminator_wins": {"overlap": lambda t: 1.0},
    "steps_too_long": {"generator_own_ratio": lambda t: 0.7 if t < 8 else -0.2},
    "rotation": {"sample_distance": lambda t: 0.7 + 0.67 * math.cos(t / 2)},
}


def course(changes):
    """Ticks and probes of a run, healthy but for the measures that are functions of the probe's number."""
    for t in range(PROBES):
        measures = HEALTHY | {name: change(t) for name, change in changes.items()}
        ticked = {name: value for name, value in measures.items() if name not in PROBED}
        yield {"kind": "tick", "images_seen": 1280 * t + 640, "measures": ticked}
        yield {"kind": "probe", "images_seen": 1280 * t + 1280, "measures": {name: measures[name] for name in PROBED}}


def raised(changes, told=TOLD):
    doctor = Doctor(told)
    return [found for event in course(changes) for found in doctor.hear(event) if found.status == "raised"]


def test_a_healthy_course_raises_nothing():
    assert raised({}) == []


@pytest.mark.parametrize("disease", ILL)
def test_each_disease_is_found_by_its_own_rule_alone(disease):
    found = raised(ILL[disease])
    assert [finding.disease for finding in found] == [disease]
    assert found[0].evidence[0].measure in ILL[disease]
    assert 0.5 <= found[0].confidence <= 1


def test_every_rule_has_a_course_here():
    assert {rule.disease for rule in RULES} == set(ILL)


@pytest.mark.parametrize("disease", ILL)
@pytest.mark.parametrize("gamma", [None, 1e-4, 0.25, 100.0])
@pytest.mark.parametrize("loss", ["minimax", "relativistic"])
def test_every_advice_is_a_command_line_that_changes_something(disease, gamma, loss):
    told = TOLD._replace(gamma=gamma, loss=loss)
    rule = next(rule for rule in RULES if rule.disease == disease)
    words, options = rule.advice(History(), told)
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    given = parser.parse_args(list(options))
    assert words
    before = {"gamma": gamma, "learning_rate": 2e-3, "discriminator_learning_rate": 2e-3, "loss": loss, "augment": None}
    assert any(getattr(given, name) not in (None, value) for name, value in before.items())


def test_a_measure_that_is_missing_or_null_is_no_finding_of_itself():
    doctor = Doctor(TOLD)
    for t in range(PROBES):
        assert doctor.hear({"kind": "probe", "images_seen": t, "measures": {}}) == []
    assert raised({"overfitting": lambda t: None, "memorisation": lambda t: 0.5}) == []


def test_few_held_out_samples_need_stronger_evidence():
    few = TOLD._replace(samples=20, heldout=3)
    course = {"memorisation": lambda t: 0.75}
    assert [finding.disease for finding in raised(course)] == ["overfitting"]
    assert raised(course, few) == []


def test_an_augmented_run_is_told_something_else():
    options = advice.augmentation(History(), TOLD._replace(augmented=True)).options
    assert "--augment" not in options
