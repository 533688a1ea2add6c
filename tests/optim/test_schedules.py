"""The cosine schedule at its ends, between them, and as a constant."""

import math

import pytest

from nablagan.optim import Cosine, constant


def test_half_a_cosine():
    schedule = Cosine(2.0, 1.0, 100)
    for images_seen in range(0, 101, 10):
        expected = 1.5 + 0.5 * math.cos(math.pi * images_seen / 100)
        assert schedule(images_seen) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("start", "end"), [(0.05, 0.005), (1e-3, 1e-4), (0.9, 0.99)])
def test_ends_are_exact_and_stay(start, end):
    schedule = Cosine(start, end, 1000)
    assert schedule(0) == pytest.approx(start, rel=1e-15)
    assert schedule(1000) == schedule(10**9) == end


def test_a_held_schedule_keeps_its_start_and_then_runs_the_same_cosine_faster():
    held, plain = Cosine(3.0, 1.0, 100, held=60), Cosine(3.0, 1.0, 40)
    assert {held(images_seen) for images_seen in (0, 1, 59, 60)} == {3.0}
    for images_seen in range(60, 101, 5):
        assert held(images_seen) == pytest.approx(plain(images_seen - 60), rel=1e-15)
    assert held(10**9) == 1.0


def test_one_held_to_its_end_drops_there():
    assert [Cosine(3.0, 1.0, 10, held=10)(images_seen) for images_seen in (9, 10)] == [3.0, 1.0]


def test_a_constant_never_moves_and_is_exact():
    assert {constant(0.1)(images_seen) for images_seen in (0, 1, 10**9)} == {0.1}


def test_schedules_are_plain_records():
    assert constant(0.3) == Cosine(0.3, 0.3, 0)
    assert hash(Cosine(1.0, 0.5, 10)) == hash(Cosine(1.0, 0.5, 10))
